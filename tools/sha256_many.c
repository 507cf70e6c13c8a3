/*-------------------------------------------------------------------------
 *
 * sha256_many.c
 *	  SHA-256 of many texts at a time.
 *
 * Each record of the audit carries the hash of the one before, so that all can
 * be hashed at once and compared afterwards.  Where the processor has no
 * instructions for SHA-256 but AVX2, eight texts side by side in the lanes of
 * vectors take a third of the time; elsewhere OpenSSL does it one by one.
 *
 * The algorithm is that of FIPS 180-4 section 6.2; test/unit/unit_export.c
 * compares every length with OpenSSL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "port/pg_bswap.h"
#include "sha256_many.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define USE_LANES
#include <cpuid.h>
#endif

#ifdef USE_LANES

#define LANES		8
#define BLOCK		64

typedef uint32 Lanes __attribute__((vector_size(4 * LANES)));

static const uint32 initial[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
};

static const uint32 constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

/* A lane: the text in it, and where it is. */
typedef struct Lane
{
	CaHashJob  *job;			/* NULL: the lane idles */
	size_t		next;			/* block */
	size_t		whole;			/* blocks that lie in the text */
	size_t		blocks;			/* with the padding */
	unsigned char tail[2 * BLOCK];	/* the last bytes, padded */
} Lane;

/* Put a text into a lane. */
static void
fill_lane(Lane *lane, CaHashJob *job)
{
	size_t		rest = job->len % BLOCK;
	size_t		tail_len = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;
	uint64		bits = pg_hton64((uint64) job->len * 8);

	lane->job = job;
	lane->next = 0;
	lane->whole = job->len / BLOCK;
	lane->blocks = lane->whole + tail_len / BLOCK;
	memset(lane->tail, 0, sizeof(lane->tail));
	memcpy(lane->tail, job->data + lane->whole * BLOCK, rest);
	lane->tail[rest] = 0x80;
	memcpy(lane->tail + tail_len - 8, &bits, sizeof(bits));
}

/* The block that a lane is at; the first of an idle one is as good as any. */
static const unsigned char *
block_of(const Lane *lane)
{
	return lane->next < lane->whole ? lane->job->data + lane->next * BLOCK :
		lane->tail + (lane->next - lane->whole) * BLOCK;
}

#define ROTATE(x, n)	((x) >> (n) | (x) << (32 - (n)))

/* One block of each lane into the states. */
__attribute__((target("avx2")))
static void
compress(Lanes state[8], const Lane *lanes)
{
	Lanes		w[16];
	Lanes		a = state[0],
				b = state[1],
				c = state[2],
				d = state[3],
				e = state[4],
				f = state[5],
				g = state[6],
				h = state[7];

	for (int i = 0; i < LANES; i++)
	{
		const unsigned char *block = block_of(&lanes[i]);

		for (int t = 0; t < 16; t++)
		{
			uint32		word;

			memcpy(&word, block + 4 * t, sizeof(word));
			w[t][i] = pg_ntoh32(word);
		}
	}
#pragma GCC unroll 16
	for (int t = 0; t < 64; t++)
	{
		Lanes		t1,
					t2;

		if (t >= 16)
		{
			Lanes		w2 = w[(t - 2) & 15];
			Lanes		w15 = w[(t - 15) & 15];

			w[t & 15] += (ROTATE(w2, 17) ^ ROTATE(w2, 19) ^ w2 >> 10) +
				w[(t - 7) & 15] + (ROTATE(w15, 7) ^ ROTATE(w15, 18) ^ w15 >> 3);
		}
		t1 = h + (ROTATE(e, 6) ^ ROTATE(e, 11) ^ ROTATE(e, 25)) +
			(g ^ (e & (f ^ g))) + constants[t] + w[t & 15];
		t2 = (ROTATE(a, 2) ^ ROTATE(a, 13) ^ ROTATE(a, 22)) +
			((a & b) | (c & (a | b)));
		h = g;
		g = f;
		f = e;
		e = d + t1;
		d = c;
		c = b;
		b = a;
		a = t1 + t2;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

/* A lane has reached the end of its text. */
static void
take_digest(Lane *lane, const Lanes state[8], int number)
{
	for (int i = 0; i < 8; i++)
	{
		uint32		word = pg_hton32(state[i][number]);

		memcpy(lane->job->digest + 4 * i, &word, sizeof(word));
	}
	lane->job = NULL;
	lane->next = lane->whole = 0;
}

/* Hash all texts, a new one taking the lane of one that has ended. */
static void
hash_in_lanes(CaHashJob *jobs, int n)
{
	static Lane lanes[LANES];
	Lanes		state[8];
	int			started = 0;
	int			ended = 0;

	memset(lanes, 0, sizeof(lanes));
	memset(state, 0, sizeof(state));
	while (ended < n)
	{
		for (int i = 0; i < LANES && started < n; i++)
		{
			if (lanes[i].job != NULL)
				continue;
			fill_lane(&lanes[i], &jobs[started++]);
			for (int j = 0; j < 8; j++)
				state[j][i] = initial[j];
		}
		compress(state, lanes);
		for (int i = 0; i < LANES; i++)
		{
			if (lanes[i].job == NULL || ++lanes[i].next < lanes[i].blocks)
				continue;
			take_digest(&lanes[i], state, i);
			ended++;
		}
	}
}

/* Are lanes faster than OpenSSL: AVX2, and no instructions for SHA? */
static bool
lanes_are_faster(void)
{
	static int	answer = -1;
	unsigned int a,
				b = 0,
				c,
				d;

	if (answer < 0)
		answer = __builtin_cpu_supports("avx2") &&
			__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1 << 29)) == 0;
	return answer == 1;
}

#endif							/* USE_LANES */

/* See sha256_many.h. */
bool
ca_sha256_many(CaHashJob *jobs, int n)
{
	bool		ok = true;

#ifdef USE_LANES
	if (n > 1 && lanes_are_faster())
	{
		hash_in_lanes(jobs, n);
		return true;
	}
#endif
	for (int i = 0; i < n; i++)
		ok &= ca_sha256(jobs[i].data, jobs[i].len, jobs[i].digest);
	return ok;
}
