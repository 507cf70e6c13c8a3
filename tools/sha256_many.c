/*-------------------------------------------------------------------------
 *
 * sha256_many.c
 *	  SHA-256 of many texts at a time.
 *
 * Each record of the audit carries the hash of the one before, so that all can
 * be hashed at once and compared afterwards.  Where the processor has no
 * instructions for SHA-256 but AVX2 or AVX-512, eight or sixteen texts side by
 * side in the lanes of vectors take a third of the time, or less; elsewhere
 * OpenSSL does it one by one.
 *
 * The algorithm is that of FIPS 180-4 section 6.2 (sha256_lanes.h);
 * test/unit/unit_export.c compares every length with OpenSSL, each way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "port/pg_bswap.h"
#include "sha256_many.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define USE_LANES
#include <cpuid.h>
#include <immintrin.h>
#endif

#ifdef USE_LANES

#define BLOCK		64

typedef uint32 Lanes8 __attribute__((vector_size(32)));
typedef uint32 Lanes16 __attribute__((vector_size(64)));

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

/*
 * The words of the blocks that eight lanes are at, each vector one word of all.
 * Rows of a matrix are loaded, of four words and four more of each row in the
 * halves of a vector, and become columns: first in squares of four by four, then
 * the squares change places.
 */
__attribute__((target("avx2")))
static void
load_words_8(Lanes8 words[16], const Lane *lanes)
{
	const __m256i swap = _mm256_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203,
										   0x0c0d0e0f08090a0b, 0x0405060700010203);

	for (int half = 0; half < 2; half++)
	{
		__m256i		squares[8];

		for (int i = 0; i < 8; i += 4)
		{
			__m256i		row[4];
			__m256i		pair[4];

			for (int j = 0; j < 4; j++)
				row[j] = _mm256_loadu_si256((const __m256i *) (block_of(&lanes[i + j]) + 32 * half));
			pair[0] = _mm256_unpacklo_epi32(row[0], row[1]);
			pair[1] = _mm256_unpackhi_epi32(row[0], row[1]);
			pair[2] = _mm256_unpacklo_epi32(row[2], row[3]);
			pair[3] = _mm256_unpackhi_epi32(row[2], row[3]);
			squares[i] = _mm256_unpacklo_epi64(pair[0], pair[2]);
			squares[i + 1] = _mm256_unpackhi_epi64(pair[0], pair[2]);
			squares[i + 2] = _mm256_unpacklo_epi64(pair[1], pair[3]);
			squares[i + 3] = _mm256_unpackhi_epi64(pair[1], pair[3]);
		}
		for (int j = 0; j < 4; j++)
		{
			__m256i		low = _mm256_permute2x128_si256(squares[j], squares[4 + j], 0x20);
			__m256i		high = _mm256_permute2x128_si256(squares[j], squares[4 + j], 0x31);

			words[8 * half + j] = (Lanes8) _mm256_shuffle_epi8(low, swap);
			words[8 * half + 4 + j] = (Lanes8) _mm256_shuffle_epi8(high, swap);
		}
	}
}

/* The same of sixteen lanes. */
__attribute__((target("avx512f,avx512bw")))
static void
load_words_16(Lanes16 words[16], const Lane *lanes)
{
	const __m512i swap = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
	__m512i		squares[16];

	for (int i = 0; i < 16; i += 4)
	{
		__m512i		row[4];
		__m512i		pair[4];

		for (int j = 0; j < 4; j++)
			row[j] = _mm512_shuffle_epi8(_mm512_loadu_si512(block_of(&lanes[i + j])), swap);
		pair[0] = _mm512_unpacklo_epi32(row[0], row[1]);
		pair[1] = _mm512_unpackhi_epi32(row[0], row[1]);
		pair[2] = _mm512_unpacklo_epi32(row[2], row[3]);
		pair[3] = _mm512_unpackhi_epi32(row[2], row[3]);
		squares[i] = _mm512_unpacklo_epi64(pair[0], pair[2]);
		squares[i + 1] = _mm512_unpackhi_epi64(pair[0], pair[2]);
		squares[i + 2] = _mm512_unpacklo_epi64(pair[1], pair[3]);
		squares[i + 3] = _mm512_unpackhi_epi64(pair[1], pair[3]);
	}
	for (int j = 0; j < 4; j++)
	{
		__m512i		even = _mm512_shuffle_i32x4(squares[j], squares[4 + j], 0x88);
		__m512i		odd = _mm512_shuffle_i32x4(squares[j], squares[4 + j], 0xdd);
		__m512i		even2 = _mm512_shuffle_i32x4(squares[8 + j], squares[12 + j], 0x88);
		__m512i		odd2 = _mm512_shuffle_i32x4(squares[8 + j], squares[12 + j], 0xdd);

		words[j] = (Lanes16) _mm512_shuffle_i32x4(even, even2, 0x88);
		words[4 + j] = (Lanes16) _mm512_shuffle_i32x4(odd, odd2, 0x88);
		words[8 + j] = (Lanes16) _mm512_shuffle_i32x4(even, even2, 0xdd);
		words[12 + j] = (Lanes16) _mm512_shuffle_i32x4(odd, odd2, 0xdd);
	}
}

#define LANES			8
#define TARGET			"avx2"
#define NAMED(x)		x##8
#define LOAD_WORDS		load_words_8
#define XOR3(x, y, z)	((x) ^ (y) ^ (z))
#define CHOOSE(x, y, z)	((z) ^ ((x) & ((y) ^ (z))))
#define MAJORITY(x, y, z)	(((x) & (y)) | ((z) & ((x) | (y))))
#include "sha256_lanes.h"

/* Any function of three bits is one instruction, whose number is its table. */
#define TERNARY(x, y, z, table) \
	((Lanes16) _mm512_ternarylogic_epi32((__m512i) (x), (__m512i) (y), (__m512i) (z), table))

#define LANES			16
#define TARGET			"avx512f,avx512bw"
#define NAMED(x)		x##16
#define LOAD_WORDS		load_words_16
#define XOR3(x, y, z)	TERNARY(x, y, z, 0x96)
#define CHOOSE(x, y, z)	TERNARY(x, y, z, 0xca)
#define MAJORITY(x, y, z)	TERNARY(x, y, z, 0xe8)
#include "sha256_lanes.h"

/* Has the processor instructions for SHA, which OpenSSL uses? */
static bool
has_sha(void)
{
	unsigned int a,
				b = 0,
				c,
				d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1 << 29)) != 0;
}

#endif							/* USE_LANES */

/* See sha256_many.h. */
bool
ca_hash_way_exists(CaHashWay way)
{
#ifdef USE_LANES
	if (way == CA_HASH_8_LANES)
		return __builtin_cpu_supports("avx2");
	if (way == CA_HASH_16_LANES)
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
#endif
	return way == CA_HASH_OPENSSL;
}

/* The fastest way. */
static CaHashWay
fastest_way(void)
{
#ifdef USE_LANES
	if (has_sha())
		return CA_HASH_OPENSSL;
	if (ca_hash_way_exists(CA_HASH_16_LANES))
		return CA_HASH_16_LANES;
	if (ca_hash_way_exists(CA_HASH_8_LANES))
		return CA_HASH_8_LANES;
#endif
	return CA_HASH_OPENSSL;
}

/* See sha256_many.h. */
bool
ca_sha256_many_by(CaHashWay way, CaHashJob *jobs, int n)
{
	bool		ok = true;

#ifdef USE_LANES
	if (way == CA_HASH_8_LANES || way == CA_HASH_16_LANES)
	{
		(way == CA_HASH_8_LANES ? hash_in_lanes8 : hash_in_lanes16) (jobs, n);
		return true;
	}
#endif
	for (int i = 0; i < n; i++)
		ok &= ca_sha256(jobs[i].data, jobs[i].len, jobs[i].digest);
	return ok;
}

/* See sha256_many.h. */
bool
ca_sha256_many(CaHashJob *jobs, int n)
{
	static int	way = -1;

	if (way < 0)
		way = fastest_way();
	return ca_sha256_many_by(n > 1 ? (CaHashWay) way : CA_HASH_OPENSSL, jobs, n);
}
