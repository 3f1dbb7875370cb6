/*
 * Is the history of one key linearizable: is there an order of its operations,
 * each at one instant between its beginning and its end, in which every answer
 * is right?  (Wing and Gong's search, as Lowe's "Testing for linearizability"
 * does it: an operation takes place as late as can be, at the latest when it
 * or another that needs it ends.)
 */
#ifndef LINEAR_H
#define LINEAR_H

#include "model.h"

enum verdict {
	LINEAR,
	CONTRADICTION,
	TOO_MANY /* more at once than are told apart here */
};

/*
 * Judges the n operations on a key that does not exist at first.  Returns a
 * verdict; for one that is not LINEAR *culprit_r is the operation at whose end
 * that showed.
 */
enum verdict linear_judge(int32_t key, const struct operation *operations,
    size_t n, const struct operation **culprit_r);

#endif
