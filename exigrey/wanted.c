#include "wanted.h"

#include "record.h"

bool
wanted_is_there(struct grey_bytes key, struct grey_bytes wanted, bool is_record,
    struct grey_bytes there)
{
	struct grey_record record;

	if (!is_record)
		return grey_bytes_equal(wanted, there);
	/* One that does not parse may begin like it. */
	return grey_record_parse(key, there, &record, NULL) == GREY_OK &&
	    grey_bytes_equal(grey_record_text(wanted), grey_record_text(there));
}

enum grey_status
wanted_store(struct greydb *db, struct grey_bytes key, struct grey_bytes wanted,
    bool is_record, struct grey_bytes there, struct grey_error *err)
{
	char wide[GREY_VALUE_MAX];
	struct grey_record record;
	enum grey_status status = GREY_OK;

	if (is_record && there.data != NULL && there.size > wanted.size) {
		status = grey_record_parse(key, wanted, &record, err);
		if (status == GREY_OK)
			status = grey_record_format(&record, key, there.size,
			    wide, &wanted, err);
	}
	return status == GREY_OK ? greydb_store(db, key, wanted, err) : status;
}
