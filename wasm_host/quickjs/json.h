/* Values between JSON text and QuickJS's heap: a reader and a writer that know both from within.
 *
 * Both do what JS_ParseJSON and JS_JSONStringify do, for what values are nearly always made of, and leave anything else
 * to those, before anything of it can be noticed: so what is odd costs a second reading, and is the same to the letter.
 * Neither of them ever runs code of a program.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quickjs.h"

enum { JSON_MOST_THAT_COMES = 200 };    /* levels of a value, counted by the host before it comes */

enum json_outcome {
    JSON_DONE,
    JSON_CAME,      /* written: it is a text that came, or a part of one, and nobody has looked into it */
    JSON_ODD,       /* left to QuickJS; nothing has happened */
    JSON_THROWN,    /* with an exception: there is no memory */
};

/* What reading and writing keep for next time. It belongs to one runtime, which allocates and so counts all of it. */
struct json {
    struct JSShape *empty;           /* of an object without properties */
    struct JSShape *empty_array;     /* of an unread array, which has not even a length */
    struct json_loan *loans;         /* the unread objects whose text is borrowed */
    uint32_t loan_count, loan_capacity;
    struct json_step *steps;         /* from shape to shape, by keys; none before the first object */
    JSValue *values;                 /* those of the containers that are being read, innermost last */
    uint32_t value_count, value_capacity;
    char *text;                      /* what was written last */
    size_t text_length, text_capacity;
    uint32_t text_nesting;           /* it is no more containers deep than that; UINT32_MAX where nobody knows */
    const char *came;                /* instead of the text, of a value that came */
    size_t came_length;
    bool is_message;                 /* and that value is the whole message */
};

/* Whatever of this is called with a runtime's values needs to be told first where it keeps things. */
void json_begin(JSRuntime *runtime, struct json *json);

/* text[length] must be 0. */
enum json_outcome json_read(JSContext *js, struct json *json, const char *text, size_t length, JSValue *value);

/* A value as JSON text says it, or JS_EXCEPTION; text[length] is overwritten for a moment. */
JSValue json_value(JSContext *js, struct json *json, char *text, size_t length);

/* The same, but an object or array is read when it is looked at, and those within it when those are; until then, or
 * until it is settled, each borrows its text, which may neither move nor change. One message at a time. */
JSValue json_receive(JSContext *js, struct json *json, char *text, size_t length);

/* Gives whatever is still unread a text of its own; false where there is no memory for it. */
bool json_settle(JSRuntime *runtime, struct json *json);

/* The text lies in `json`, until something is written again or let go. */
enum json_outcome json_write(JSContext *js, struct json *json, JSValueConst value);

/* Gives back the memory of a text that was unusually long. */
void json_let_go(JSContext *js, struct json *json);

/* Gives back everything. */
void json_free(JSRuntime *runtime, struct json *json);

#endif
