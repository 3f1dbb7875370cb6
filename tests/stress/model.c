#include "model.h"

#include <stdio.h>
#include <string.h>

bool
model_equal(const struct state *a, const struct state *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static uint32_t
end_of(const struct state *s)
{
	if (s->expires != 0)
		return s->expires;
	if (s->flags & KEEP)
		return UINT32_MAX;
	return s->count == 0 ? s->created + GREY : s->used + PASSED;
}

static bool
is_live(const struct state *s, uint32_t now)
{
	return (s->flags & THERE) && now < end_of(s);
}

static struct state
one_pass_more(struct state s, uint32_t now)
{
	s.used = now;
	s.count++;
	return s;
}

/* What unseen answers to an item; "to" is what it then stores. */
struct answer {
	enum reason reason;
	bool pass;
	uint32_t wait;
	struct state to;
};

static struct answer
decide(const struct state *from, uint32_t now)
{
	struct answer answer = { .to = *from };
	struct state *to = &answer.to;

	if (!is_live(from, now)) {
		*to = (struct state){ now, now, 0, 0, THERE };
		answer.reason = NEW;
		answer.wait = DELAY;
		return answer;
	}
	if (to->created > now)
		to->created = now;
	if (!(to->flags & KEEP) && now - to->created < DELAY) {
		answer.reason = EARLY;
		answer.wait = DELAY - (now - to->created);
		return answer;
	}
	answer.reason = to->flags & KEEP ? KEPT : PASSES;
	answer.pass = true;
	*to = one_pass_more(*to, now);
	return answer;
}

/* Is the answer that the call got the one that it should have got? */
static bool
is_answer(const struct call *call, const struct answer *answer)
{
	if (call->outcome != DONE)
		return true;
	if (call->kind == ASK)
		return call->pass == answer->pass;
	return call->pass == answer->pass && call->reason == answer->reason &&
	    call->wait == answer->wait && call->count == answer->to.count;
}

static size_t
check_item(const struct call *call, const struct state *from, uint32_t now,
    struct state *results_r)
{
	const struct answer answer = decide(from, now);

	results_r[0] = call->kind == WAIT ? *from : answer.to;
	return is_answer(call, &answer);
}

static size_t
check_suffix(const struct call *call, const struct state *from, uint32_t now,
    struct state *results_r)
{
	const bool live = is_live(from, now), known = call->outcome == DONE;
	size_t n = 0;

	if (live && (from->flags & (KEEP | TRAP)) == TRAP) {
		results_r[0] = *from;
		return !known ||
		    (!call->pass && call->reason == TRAPPED &&
			call->wait == end_of(from) - now);
	}
	if (live && from->count > 0) {
		results_r[0] = one_pass_more(*from, now);
		return !known ||
		    (call->pass && call->reason == WHITELISTED &&
			call->count == from->count + 1);
	}
	if (known && (call->reason == WHITELISTED || call->reason == TRAPPED))
		return 0;
	if (!known || !call->pass)
		results_r[n++] = *from;
	if (!known || call->pass)
		results_r[n++] = live && (from->flags & KEEP) ?
		    *from :
		    (struct state){ now, now, 1, 0, THERE | AUTO };
	return n;
}

static size_t
set_count(const struct call *call, const struct state *from, uint32_t now,
    struct state *results_r)
{
	struct state to = *from;

	if (!(from->flags & THERE))
		to = (struct state){ now, now, 0, 0, THERE };
	to.count = call->count;
	results_r[0] = to;
	return call->outcome != DONE || model_equal(&to, &call->state);
}

static size_t delete (const struct call *call, const struct state *from,
    struct state *results_r)
{
	const bool there = (from->flags & THERE) != 0;

	results_r[0] = (struct state){ 0 };
	return (call->outcome != DONE || there) &&
	    (call->outcome != NOT_THERE || !there);
}

/* The same at a time that is known. */
static size_t
apply_at(const struct operation *operation, int32_t key, uint32_t now,
    const struct state *from, struct state *results_r)
{
	const struct call *call = operation->call;

	switch ((enum kind)call->kind) {
	case CHECK:
		return operation->as_suffix ?
		    check_suffix(call, from, now, results_r) :
		    check_item(call, from, now, results_r);
	case WAIT:
	case ASK:
		return check_item(call, from, now, results_r);
	case SET:
		results_r[0] = call->state;
		return 1;
	case SET_COUNT:
		return set_count(call, from, now, results_r);
	case DELETE:
	case REMOVE:
		return delete (call, from, results_r);
	case PURGE:
		results_r[0] = is_live(from, now) ? *from : (struct state){ 0 };
		return 1;
	case RECORD:
		results_r[0] = *from;
		return model_equal(from, &call->state);
	case LIST:
	case EXPORT:
		results_r[0] = *from;
		return model_equal(from, &call->content[key]);
	case VERIFY:
	case COMPACT:
		break;
	}
	results_r[0] = *from;
	return 1;
}

size_t
model_apply(const struct operation *operation, int32_t key,
    const struct state *from, struct state results_r[RESULTS_MAX])
{
	const struct call *call = operation->call;
	size_t n = 0;

	/* A command takes the time by itself: what differs is told apart. */
	for (uint32_t now = call->now_from; now <= call->now_to; now++) {
		struct state results[RESULTS_MAX];
		const size_t more =
		    apply_at(operation, key, now, from, results);

		for (size_t i = 0; i < more && n < RESULTS_MAX; i++)
			if (n == 0 ||
			    !model_equal(&results[i], &results_r[n - 1]))
				results_r[n++] = results[i];
	}
	return n;
}

bool
model_reads(const struct operation *operation)
{
	const uint8_t kind = operation->call->kind;

	return kind == WAIT || kind == RECORD || kind == LIST || kind == EXPORT;
}

void
model_flags_text(const struct state *state, char *text, size_t size)
{
	char expires[24] = "", note[160] = "";

	if (state->expires != 0)
		(void)snprintf(expires, sizeof(expires), " expires=%u",
		    state->expires);
	if (state->flags >= NOTE)
		(void)snprintf(note, sizeof(note), " note=%0*d",
		    (int)(state->flags / NOTE), 0);
	(void)snprintf(text, size, "%s%s%s%s%s",
	    state->flags & AUTO ? " auto" : "",
	    state->flags & KEEP ? " keep" : "",
	    state->flags & TRAP ? " trap" : "", expires, note);
	if (text[0] == ' ')
		memmove(text, text + 1, strlen(text));
}

static bool
parse_flag(const char *word, struct state *state)
{
	unsigned expires;
	size_t zeros;

	if (strcmp(word, "auto") == 0)
		state->flags |= AUTO;
	else if (strcmp(word, "keep") == 0)
		state->flags |= KEEP;
	else if (strcmp(word, "trap") == 0)
		state->flags |= TRAP;
	else if (sscanf(word, "expires=%u", &expires) == 1)
		state->expires = expires;
	else if (strncmp(word, "note=", 5) == 0) {
		zeros = strspn(word + 5, "0");
		state->flags += NOTE * (uint32_t)zeros;
		return word[5 + zeros] == '\0';
	} else
		return false;
	return true;
}

bool
model_parse(const char *text, struct state *state_r)
{
	char flags[256] = "", *word, *rest = NULL;
	struct state *s = state_r;

	*s = (struct state){ .flags = THERE };
	if (sscanf(text, "%u %u %u %255[^\n]", &s->created, &s->used, &s->count,
		flags) < 3)
		return false;
	for (word = strtok_r(flags, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest))
		if (!parse_flag(word, s))
			return false;
	return true;
}
