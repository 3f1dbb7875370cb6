#include "linear.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS          64 /* operations that have begun and not ended */
#define CONFIGURATIONS 4096

/* One of the ways in which all may have gone so far. */
struct configuration {
	struct state state;
	/* A bit for each slot: */
	uint64_t done; /* it took place, and changed something */
	uint64_t idle; /* it could have taken place and changed nothing */
};

struct set {
	struct configuration one[CONFIGURATIONS];
	size_t count;
	bool overflow;
};

struct search {
	int32_t key;
	const struct operation *slots[SLOTS];
	uint64_t taken; /* a bit for each slot */
	struct set now, next;
};

struct event {
	int64_t time;
	const struct operation *operation;
	bool ends;
};

static uint64_t
bit(unsigned slot)
{
	return (uint64_t)1 << slot;
}

/*
 * Notes what can take place now and changes nothing.  It may, and may as well
 * do something later on: that is decided when it ends.
 */
static void
idle(const struct search *search, struct configuration *c)
{
	struct state results[RESULTS_MAX];
	uint64_t left = search->taken & ~c->done & ~c->idle;

	for (; left != 0; left &= left - 1) {
		const unsigned slot = (unsigned)__builtin_ctzll(left);
		const size_t n = model_apply(search->slots[slot], search->key,
		    &c->state, results);

		for (size_t i = 0; i < n; i++)
			if (model_equal(&results[i], &c->state))
				c->idle |= bit(slot);
	}
}

/* Can all that may follow b follow a as well? */
static bool
covers(const struct configuration *a, const struct configuration *b)
{
	return model_equal(&a->state, &b->state) && (a->done & ~b->done) == 0 &&
	    ((b->done | b->idle) & ~(a->done | a->idle)) == 0;
}

static void
add(const struct search *search, struct set *set, struct configuration c)
{
	idle(search, &c);
	for (size_t i = 0; i < set->count; i++)
		if (covers(&set->one[i], &c))
			return;
	if (set->count == CONFIGURATIONS)
		set->overflow = true;
	else
		set->one[set->count++] = c;
}

/* Lets each operation take place next that then changes something. */
static void
go_on(struct search *search, struct configuration c)
{
	uint64_t left = search->taken & ~c.done;

	for (; left != 0; left &= left - 1) {
		const unsigned slot = (unsigned)__builtin_ctzll(left);
		struct state results[RESULTS_MAX];
		size_t n;

		if (model_reads(search->slots[slot]))
			continue;
		n = model_apply(search->slots[slot], search->key, &c.state,
		    results);
		for (size_t i = 0; i < n; i++)
			if (!model_equal(&results[i], &c.state))
				add(search, &search->now,
				    (struct configuration){ results[i],
					c.done | bit(slot), c.idle });
	}
}

/* Returns false if the operation cannot have taken place by its end. */
static bool
end(struct search *search, unsigned slot)
{
	const uint64_t ended = bit(slot);

	search->next.count = 0;
	/* The set grows while it is gone through. */
	for (size_t i = 0; i < search->now.count; i++) {
		struct configuration c = search->now.one[i];

		if (!(c.done & ended))
			go_on(search, c);
		if (!((c.done | c.idle) & ended) &&
		    !search->slots[slot]->optional)
			continue;
		c.done &= ~ended;
		c.idle &= ~ended;
		search->taken &= ~ended;
		add(search, &search->next, c);
		search->taken |= ended;
	}
	search->taken &= ~ended;
	search->next.overflow |= search->now.overflow;
	memcpy(search->now.one, search->next.one,
	    search->next.count * sizeof(search->now.one[0]));
	search->now.count = search->next.count;
	return search->now.count > 0;
}

/* Returns false if there are too many. */
static bool
begin(struct search *search, const struct operation *operation)
{
	unsigned slot;

	if (~search->taken == 0)
		return false;
	slot = (unsigned)__builtin_ctzll(~search->taken);
	search->slots[slot] = operation;
	search->taken |= bit(slot);
	for (size_t i = 0; i < search->now.count; i++)
		idle(search, &search->now.one[i]);
	return true;
}

static unsigned
slot_of(const struct search *search, const struct operation *operation)
{
	unsigned slot = 0;

	while (!(search->taken & bit(slot)) || search->slots[slot] != operation)
		slot++;
	return slot;
}

/* Of two at the same time the beginning is first: they may overlap. */
static int
compare(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->ends - y->ends;
}

static enum verdict
go_through(struct search *search, const struct event *events, size_t n,
    const struct operation **culprit_r)
{
	for (size_t i = 0; i < n; i++) {
		const struct operation *operation = events[i].operation;

		*culprit_r = operation;
		if (!events[i].ends) {
			if (!begin(search, operation))
				return TOO_MANY;
		} else if (!end(search, slot_of(search, operation)))
			return search->next.overflow ? TOO_MANY : CONTRADICTION;
		if (search->next.overflow || search->now.overflow)
			return TOO_MANY;
	}
	return LINEAR;
}

enum verdict
linear_judge(int32_t key, const struct operation *operations, size_t n,
    const struct operation **culprit_r)
{
	static struct search search;
	struct event *events = calloc(2 * n + 1, sizeof(*events));
	enum verdict verdict;

	*culprit_r = NULL;
	if (events == NULL)
		return TOO_MANY;
	for (size_t i = 0; i < n; i++) {
		events[2 * i] =
		    (struct event){ operations[i].from, &operations[i], false };
		events[2 * i + 1] =
		    (struct event){ operations[i].to, &operations[i], true };
	}
	qsort(events, 2 * n, sizeof(*events), compare);
	search.key = key;
	search.taken = 0;
	search.now.count = 1;
	search.now.overflow = search.next.overflow = false;
	search.now.one[0] = (struct configuration){ { 0 }, 0, 0 };
	verdict = go_through(&search, events, 2 * n, culprit_r);
	free(events);
	return verdict;
}
