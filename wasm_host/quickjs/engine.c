/* QuickJS, and what has to know it from within.
 *
 * Shapes, atoms and strings are QuickJS's own business, and nothing outside of its file can name them; so that file
 * stands here whole, and the reader and the writer of JSON behind it.
 */
#include "json.h"

/* What the hooks in quickjs.c call; see hooks.py and json_unread.h. */
struct JSObject;
static int json_look(JSContext *js, struct JSObject *object);
static bool json_is_array(struct JSObject *object);
static JSValue json_parse(JSContext *js, const char *text, size_t length);
static JSValue json_stringify(JSContext *js, JSValueConst value, JSValueConst replacer, JSValueConst space);

#include "quickjs.c"

#include "json_scan.h"
#include "json_read.h"
#include "json_unread.h"
#include "json_write.h"
