/*-------------------------------------------------------------------------
 *
 * sha256_lanes.h
 *	  SHA-256 of LANES texts side by side in vectors, for sha256_many.c alone.
 *
 * Is included once for each size of vectors, with these defined: LANES; TARGET,
 * the instructions needed; NAMED(x), which makes names of this size; LOAD_WORDS,
 * the function that gets the words of all lanes' blocks; XOR3, CHOOSE and
 * MAJORITY, the functions of FIPS 180-4 section 4.1.2 for single bits.
 *
 *-------------------------------------------------------------------------
 */
#define Lanes			NAMED(Lanes)
#define compress		NAMED(compress)
#define take_digest		NAMED(take_digest)
#define hash_in_lanes	NAMED(hash_in_lanes)

/* One block of each lane into the states. */
__attribute__((target(TARGET)))
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

	LOAD_WORDS(w, lanes);
	for (int round = 0; round < 64; round += 16)
	{
#pragma GCC unroll 16
		for (int t = 0; t < 16; t++)
		{
			Lanes		t1,
						t2;

			if (round > 0)
			{
				Lanes		w2 = w[(t - 2) & 15];
				Lanes		w15 = w[(t - 15) & 15];

				w[t] += XOR3(ROTATE(w2, 17), ROTATE(w2, 19), w2 >> 10) +
					w[(t - 7) & 15] + XOR3(ROTATE(w15, 7), ROTATE(w15, 18), w15 >> 3);
			}
			t1 = h + XOR3(ROTATE(e, 6), ROTATE(e, 11), ROTATE(e, 25)) +
				CHOOSE(e, f, g) + constants[round + t] + w[t];
			t2 = XOR3(ROTATE(a, 2), ROTATE(a, 13), ROTATE(a, 22)) + MAJORITY(a, b, c);
			h = g;
			g = f;
			f = e;
			e = d + t1;
			d = c;
			c = b;
			b = a;
			a = t1 + t2;
		}
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

#undef Lanes
#undef compress
#undef take_digest
#undef hash_in_lanes
#undef LANES
#undef TARGET
#undef NAMED
#undef LOAD_WORDS
#undef XOR3
#undef CHOOSE
#undef MAJORITY
