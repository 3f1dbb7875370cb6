#include "known.h"

enum grey_status
grey_known_init(struct grey_known *known, struct grey_bytes item,
    struct grey_error *err)
{
	known->value = (struct greydb_value){ NULL, 0 };
	known->record = NULL;
	known->width = 0;
	return grey_item_key_init(&known->key, item, err);
}

void
grey_known_take(struct grey_known *known, struct grey_session *session,
    const struct grey_dbpath *path, struct greydb_value value)
{
	struct grey_error why;

	known->value = value;
	known->record = NULL;
	if (value.data == NULL)
		return;
	if (grey_record_parse(known->key.bytes, greydb_value_bytes(&value),
		&known->memory, &why) == GREY_OK)
		known->record = &known->memory;
	else
		grey_session_log(session,
		    "database '%s/%s' has a record "
		    "that does not parse (%s): it counts as unknown; see "
		    "exigrey show",
		    path->directory, path->file, why.text);
}

enum grey_status
grey_known_fetch(struct grey_known *known, struct grey_session *session,
    const struct grey_dbpath *path, struct greydb *db, struct grey_error *err)
{
	struct greydb_value value = { NULL, 0 };
	enum grey_status status;

	status = greydb_fetch(db, known->key.bytes, &value, err);
	if (status != GREY_OK && status != GREY_NOT_FOUND)
		return status;
	grey_known_take(known, session, path, value);
	return GREY_OK;
}

enum grey_status
grey_known_store(const struct grey_known *known, struct greydb *db,
    const struct grey_record *record, struct grey_error *err)
{
	const size_t width =
	    known->value.size > known->width ? known->value.size : known->width;
	char buffer[GREY_VALUE_MAX];
	struct grey_bytes value;
	enum grey_status status;

	status = grey_record_format(record, known->key.bytes, width, buffer,
	    &value, err);
	return status == GREY_OK ?
	    greydb_store(db, known->key.bytes, value, err) :
	    status;
}

enum grey_status
grey_known_room(const struct grey_known *known, const struct grey_dbpath *path,
    const struct greydb *db, int64_t max_records, struct grey_error *err)
{
	if (max_records == 0 || known->value.data != NULL ||
	    greydb_records(db) < max_records)
		return GREY_OK;
	return grey_fail(err, GREY_FULL,
	    "database '%s/%s' has %lld records, max_records is %lld: "
	    "run exigrey purge, or raise it",
	    path->directory, path->file, (long long)greydb_records(db),
	    (long long)max_records);
}

void
grey_known_free(struct grey_known *known)
{
	greydb_value_free(&known->value);
	grey_item_key_free(&known->key);
}
