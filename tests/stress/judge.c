#include "judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linear.h"

/* Operations by key: those of one lie side by side. */
struct index {
	size_t first[KEYS + 2];
	struct operation *operations;
	/* Of every key: purges, and what shows all the content. */
	struct operation *general;
	size_t general_count;
	/* Locked calls that went well, by their beginning. */
	struct locked {
		int64_t from, to;
	} * locked;
	size_t locked_count;
};

typedef void
visit_fn(struct index *index, int32_t key, const struct operation *operation);

/* Did the call, its process being killed, leave anything? */
static bool
counts(const struct call *call)
{
	const struct operation operation = { .call = call };

	if (call->outcome == UNDER_WAY || call->outcome == BUSY)
		return false;
	return call->outcome == DONE || call->outcome == NOT_THERE ||
	    !model_reads(&operation);
}

/* Hands on what a call means for each key that it names. */
static void
visit_call(struct index *index, const struct call *call, visit_fn *visit)
{
	const bool certain =
	    call->outcome == DONE || call->outcome == NOT_THERE;
	struct operation operation = { .call = call,
		.optional = !certain,
		.from = call->invoked,
		.to = call->returned };

	if (!counts(call) || call->key == -1)
		return;
	if (call->suffix == -1 || !certain ||
	    (call->reason != WHITELISTED && call->reason != TRAPPED))
		visit(index, call->key, &operation);
	operation.as_suffix = true;
	if (call->suffix != -1)
		visit(index, call->suffix, &operation);
}

static void
visit_all(struct index *index, const struct history *history, int processes,
    visit_fn *visit)
{
	for (int i = 0; i < processes; i++)
		for (size_t n = 0; n < history->used[i]; n++)
			visit_call(index, &history->calls[i][n], visit);
}

static void
count_operation(struct index *index, int32_t key,
    const struct operation *operation)
{
	(void)operation;
	index->first[key + 2]++;
}

/*
 * What a dead process was at is completed by whoever has the lock next; after
 * the end of a call that began later it is done or never will be.
 */
static int64_t
end_of(const struct index *index, const struct operation *operation)
{
	size_t low = 0, high = index->locked_count;

	if (!operation->optional)
		return operation->to;
	while (low < high) {
		const size_t middle = (low + high) / 2;
		if (index->locked[middle].from < operation->to)
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->locked_count ? index->locked[low].to : INT64_MAX;
}

static void
put_operation(struct index *index, int32_t key,
    const struct operation *operation)
{
	struct operation *place = &index->operations[index->first[key + 1]++];

	*place = *operation;
	place->to = end_of(index, operation);
}

static int
compare_locked(const void *a, const void *b)
{
	const struct locked *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

static bool
is_locked(const struct call *call)
{
	return (call->kind == CHECK || call->kind == SET ||
		   call->kind == DELETE) &&
	    (call->outcome == DONE || call->outcome == NOT_THERE);
}

static void
put_call(struct index *index, const struct call *call)
{
	if (is_locked(call))
		index->locked[index->locked_count++] =
		    (struct locked){ call->invoked, call->returned };
	if (call->key == -1 && call->kind <= EXPORT && counts(call))
		index->general[index->general_count++] =
		    (struct operation){ .call = call,
			    .optional = call->outcome != DONE,
			    .from = call->invoked,
			    .to = call->returned };
}

static void
put_general(struct index *index, const struct history *history, int processes)
{
	for (int i = 0; i < processes; i++)
		for (size_t n = 0; n < history->used[i]; n++)
			put_call(index, &history->calls[i][n]);
	qsort(index->locked, index->locked_count, sizeof(*index->locked),
	    compare_locked);
	/* What matters of each is which later one ends first. */
	for (size_t i = index->locked_count; i-- > 1;)
		if (index->locked[i - 1].to > index->locked[i].to)
			index->locked[i - 1].to = index->locked[i].to;
	for (size_t i = 0; i < index->general_count; i++)
		index->general[i].to = end_of(index, &index->general[i]);
}

static bool
make_index(struct index *index, const struct history *history, int processes)
{
	size_t calls = 0;

	for (int i = 0; i < processes; i++)
		calls += history->used[i];
	index->locked = calloc(calls + 1, sizeof(*index->locked));
	index->general = calloc(calls + 1, sizeof(*index->general));
	index->operations = calloc(2 * calls + 1, sizeof(*index->operations));
	if (index->locked == NULL || index->general == NULL ||
	    index->operations == NULL)
		return false;
	visit_all(index, history, processes, count_operation);
	for (size_t key = 2; key < KEYS + 2; key++)
		index->first[key] += index->first[key - 1];
	put_general(index, history, processes);
	visit_all(index, history, processes, put_operation);
	return true;
}

static void
free_index(struct index *index)
{
	free(index->locked);
	free(index->general);
	free(index->operations);
}

static void
describe(const struct operation *operation, int32_t key, const char *what,
    struct judgement *judgement)
{
	const struct call *call = operation->call;
	struct state s =
	    call->content != NULL ? call->content[key] : call->state;

	if (judgement->first[0] != '\0')
		return;
	(void)snprintf(judgement->first, ERROR_SIZE,
	    "key %d: %s: kind %d outcome %d%s, ns %" PRId64 " to %" PRId64
	    ", now %u to %u, pass %d reason %d wait %u count %u, record "
	    "'%u %u %u' expires %u flags %x",
	    key, what, call->kind, call->outcome,
	    operation->as_suffix ? " as suffix" : "", operation->from,
	    operation->to, call->now_from, call->now_to, call->pass,
	    call->reason, call->wait, call->count, s.created, s.used, s.count,
	    s.expires, s.flags);
}

static void
judge_order(const struct index *index, int32_t key, struct operation *all,
    struct judgement *judgement)
{
	const struct operation *culprit;
	const size_t first = index->first[key];
	const size_t own = index->first[key + 1] - first;

	memcpy(all, index->operations + first, own * sizeof(*all));
	memcpy(all + own, index->general, index->general_count * sizeof(*all));
	judgement->operations += own + index->general_count;
	switch (linear_judge(key, all, own + index->general_count, &culprit)) {
	case LINEAR:
		break;
	case CONTRADICTION:
		judgement->contradictions++;
		describe(culprit, key, "no order explains this", judgement);
		break;
	case TOO_MANY:
		judgement->undecided++;
		break;
	}
}

/* What an operation may do to the count. */
struct counting {
	bool resets, certainly_resets, adds, certainly_adds;
	uint32_t base; /* the count after a reset */
};

static struct counting
counting_of(const struct operation *operation)
{
	const struct call *call = operation->call;
	const bool known = !operation->optional;
	struct counting counting = { 0 };

	if (call->kind == SET || call->kind == SET_COUNT) {
		counting.resets = true;
		counting.certainly_resets = known;
		counting.base =
		    call->kind == SET ? call->state.count : call->count;
	} else if (call->kind == ASK || call->kind == CHECK) {
		const bool suffix = operation->as_suffix;
		const bool whitelisted =
		    call->kind == CHECK && call->reason == WHITELISTED;

		counting.base = suffix;
		counting.adds = !known || (suffix ? whitelisted : call->pass);
		counting.certainly_adds = known && counting.adds;
		counting.resets = !known ||
		    (suffix ? call->pass && !whitelisted : !call->pass);
		counting.certainly_resets = known && !suffix &&
		    call->kind == CHECK && call->reason == NEW;
	}
	return counting;
}

/*
 * Without any search: the count is at least the passes that were answered
 * since the record's last beginning was over, and at most all since that
 * began, with those that were killed.
 */
static bool
is_count(const struct operation *operations, size_t n, uint32_t count)
{
	int64_t began = INT64_MIN, over = INT64_MIN;
	uint32_t base_most = 0, base_least = UINT32_MAX, least = 0, most = 0;

	for (size_t i = 0; i < n; i++)
		if (counting_of(&operations[i]).certainly_resets &&
		    operations[i].from > began)
			began = operations[i].from;
	for (size_t i = 0; i < n; i++) {
		const struct counting c = counting_of(&operations[i]);

		if (!c.resets || operations[i].to < began)
			continue;
		over = operations[i].to > over ? operations[i].to : over;
		base_most = c.base > base_most ? c.base : base_most;
		base_least = c.base < base_least ? c.base : base_least;
	}
	for (size_t i = 0; i < n; i++) {
		const struct counting c = counting_of(&operations[i]);

		least += c.certainly_adds && operations[i].from > over;
		most += c.adds && operations[i].to >= began;
	}
	return base_least != UINT32_MAX && count >= base_least + least &&
	    count <= base_most + most;
}

static void
judge_count(const struct index *index, int32_t key, const struct call *end,
    struct judgement *judgement)
{
	const struct state *state = &end->content[key];
	const size_t first = index->first[key];

	if (!(state->flags & THERE))
		return;
	judgement->counts++;
	if (is_count(index->operations + first, index->first[key + 1] - first,
		state->count))
		return;
	judgement->wrong_counts++;
	describe(&(struct operation){ .call = end }, key,
	    "its count is not what was answered", judgement);
}

bool
judge_history(const struct history *history, int processes,
    const struct call *end, struct judgement *judgement_r)
{
	struct index *index = calloc(1, sizeof(*index));
	struct operation *all = NULL;
	size_t most = 0;

	*judgement_r = (struct judgement){ 0 };
	if (index == NULL)
		return false;
	if (make_index(index, history, processes)) {
		for (size_t key = 0; key < KEYS; key++)
			if (index->first[key + 1] - index->first[key] > most)
				most =
				    index->first[key + 1] - index->first[key];
		all = calloc(most + index->general_count + 1, sizeof(*all));
	}
	for (int32_t key = 0; all != NULL && key < KEYS; key++) {
		judge_order(index, key, all, judgement_r);
		if (end != NULL)
			judge_count(index, key, end, judgement_r);
	}
	free_index(index);
	free(index);
	if (all == NULL)
		return false;
	free(all);
	return true;
}
