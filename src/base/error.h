/*-------------------------------------------------------------------------
 *
 * error.h
 *	  SQLSTATEs of contauth's own class ZA.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_ERROR_H
#define CA_BASE_ERROR_H

#define ERRCODE_CA_APPROVAL_NEEDED	MAKE_SQLSTATE('Z', 'A', '0', '0', '1')
#define ERRCODE_CA_CHAIN_INVALID	MAKE_SQLSTATE('Z', 'A', '0', '0', '2')
#define ERRCODE_CA_BUDGET_EXCEEDED	MAKE_SQLSTATE('Z', 'A', '0', '0', '3')
#define ERRCODE_CA_STOPPED			MAKE_SQLSTATE('Z', 'A', '0', '0', '4')
#define ERRCODE_CA_NOT_RECORDED		MAKE_SQLSTATE('Z', 'A', '0', '0', '5')

#endif							/* CA_BASE_ERROR_H */
