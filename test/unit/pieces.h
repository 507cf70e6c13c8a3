/*-------------------------------------------------------------------------
 *
 * pieces.h
 *	  How many pieces of memory a token is made of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TEST_PIECES_H
#define CA_TEST_PIECES_H

#include "token/token.h"

/*
 * The pieces that can be reached from a token.  token.h promises that a parse
 * that succeeds leaves nothing else behind, so this is what arena_live() has
 * grown by.
 */
extern int	token_pieces(const CaToken *token);

#endif							/* CA_TEST_PIECES_H */
