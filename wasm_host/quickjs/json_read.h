/* From JSON text to values, without tokens. A part of engine.c.
 *
 * An object's values are collected until its end, and its shape is found key by key: a table of steps says which shape
 * follows another with a key's text. So keys that come as they came before are compared, not hashed, and the object
 * is made at once, with all it has. Values that were read stand on a stack, not in an object, until then: the garbage
 * collector sees references that it does not know, and keeps them.
 *
 * An unread object is read by one level: it becomes what its text says, and the containers within are unread.
 */
#ifndef JSON_READ_H
#define JSON_READ_H

#include "json_borrow.h"
#include "json_read_scalars.h"
#include "json_steps.h"

enum {
    JSON_MOST_STEPS = 64,           /* properties of an object beyond that are added one by one */
    JSON_MOST_NEW = 4,              /* and so are those behind so many new keys: the next such object knows these */
    JSON_MOST_IN_A_ROW = 1024,      /* elements of an array that wait for its end */
    JSON_KEPT_VALUES = 1024,
};

static JSValue json_read_value(struct json_reader *reader, uint32_t nesting);

static int json_push(struct json_reader *reader, JSValue value)
{
    struct json *json = reader->json;
    if (unlikely(json->value_count == json->value_capacity)) {
        uint32_t larger = json->value_capacity ? json->value_capacity * 2 : 64;
        JSValue *moved = js_realloc(reader->js, json->values, larger * sizeof *moved);
        if (!moved) {
            JS_FreeValue(reader->js, value);
            return -1;
        }
        json->values = moved;
        json->value_capacity = larger;
    }
    json->values[json->value_count++] = value;
    return 0;
}

static void json_drop(struct json_reader *reader, uint32_t first)
{
    struct json *json = reader->json;
    while (json->value_count > first)
        JS_FreeValue(reader->js, json->values[--json->value_count]);
}

/* Whether another one follows: 1, 0 at the container's end, -1 for neither. */
static int json_read_comma(struct json_reader *reader, uint8_t end)
{
    json_skip_space(reader);
    uint8_t mark = *reader->at;
    if (mark != ',' && mark != end) {
        json_odd(reader);
        return -1;
    }
    reader->at++;
    return mark == ',';
}

/* The rest of an array with many elements, which grows as a program's would: it stands on the stack itself. */
static JSValue json_read_large_array(struct json_reader *reader, uint32_t nesting, uint32_t place)
{
    struct json *json = reader->json;
    for (int more = 1; more;) {
        JSValue value = json_read_value(reader, nesting);
        if (JS_IsException(value))
            return JS_EXCEPTION;
        JSObject *array = JS_VALUE_GET_OBJ(json->values[place]);
        uint32_t count = array->u.array.count;
        if (count == array->u.array.u1.size && expand_fast_array(reader->js, array, count + 1)) {
            JS_FreeValue(reader->js, value);
            return JS_EXCEPTION;
        }
        array->u.array.u.values[count] = value;
        array->u.array.count = count + 1;
        array->prop[0].u.value = js_int32((int32_t)count + 1);
        more = json_read_comma(reader, ']');
        if (more < 0)
            return JS_EXCEPTION;
    }
    return json->values[--json->value_count];
}

/* The unread object becomes an ordinary one, which nothing can keep it from any more. */
static JSValue json_become(struct json_reader *reader, JSShape *shape, JSProperty *properties)
{
    JSObject *object = reader->unread;
    js_free_shape(reader->js->rt, object->shape);
    object->shape = shape;
    object->prop = properties;
    return JS_MKPTR(JS_TAG_OBJECT, object);
}

/* Whether nothing is behind the container, where it is the one that an unread object is to become. */
static bool json_is_last(struct json_reader *reader)
{
    json_skip_space(reader);
    if (reader->at != reader->end)
        json_odd(reader);
    return !reader->is_odd;
}

/* The values from `first` on are the array's, or are freed. */
static JSValue json_become_array(struct json_reader *reader, uint32_t first)
{
    JSContext *js = reader->js;
    uint32_t count = reader->json->value_count - first;
    JSValue *values = NULL;
    JSProperty *properties = NULL;
    if (!json_is_last(reader) || (count && !(values = js_malloc(js, count * sizeof *values))) ||
        !(properties = js_malloc(js, sizeof *properties * js->array_shape->prop_size))) {
        js_free(js, values);
        json_drop(reader, first);
        return JS_EXCEPTION;
    }
    if (count)
        memcpy(values, reader->json->values + first, count * sizeof *values);
    reader->json->value_count = first;
    properties[0].u.value = js_int32((int32_t)count);
    JSObject *array = reader->unread;
    json_give_back(reader->json, array);
    array->class_id = JS_CLASS_ARRAY;
    array->fast_array = true;
    array->u.array.u.values = values;
    array->u.array.u1.size = array->u.array.count = count;
    return json_become(reader, js_dup_shape(js->array_shape), properties);
}

static JSValue json_array(struct json_reader *reader, uint32_t first)
{
    struct json *json = reader->json;
    if (reader->unread)
        return json_become_array(reader, first);
    uint32_t count = json->value_count - first;
    json->value_count = first;
    return JS_NewArrayFrom(reader->js, (int)count, json->values + first);
}

static JSValue json_read_array(struct json_reader *reader, uint32_t nesting)
{
    struct json *json = reader->json;
    uint32_t first = json->value_count;
    reader->at++;
    json_skip_space(reader);
    bool is_empty = *reader->at == ']';
    reader->at += is_empty;
    for (int more = !is_empty; more;) {
        JSValue value = json_read_value(reader, nesting);
        if (JS_IsException(value) || json_push(reader, value) < 0)
            return JS_EXCEPTION;
        more = json_read_comma(reader, ']');
        if (more < 0)
            return JS_EXCEPTION;
        if (unlikely(more && json->value_count - first == JSON_MOST_IN_A_ROW)) {
            json->value_count = first;
            JSValue array = JS_NewArrayFrom(reader->js, JSON_MOST_IN_A_ROW, json->values + first);
            if (JS_IsException(array) || json_push(reader, array) < 0)
                return JS_EXCEPTION;
            return json_read_large_array(reader, nesting, first);
        }
    }
    return json_array(reader, first);
}

struct json_key {
    const uint8_t *text;
    size_t length;
    JSAtom atom;                 /* or JS_ATOM_NULL, where the text says it */
};

/* Reads a key and the colon behind it. */
static int json_read_key(struct json_reader *reader, struct json_key *key)
{
    json_skip_space(reader);
    if (*reader->at != '"') {
        json_odd(reader);
        return -1;
    }
    const uint8_t *start = reader->at + 1, *at = json_plain_end(start, reader->end);
    *key = (struct json_key){start, (size_t)(at - start), JS_ATOM_NULL};
    if (*at == '"') {
        reader->at = at + 1;
    } else {
        JSValue text = json_read_string(reader);
        if (JS_IsException(text))
            return -1;
        key->atom = JS_ValueToAtom(reader->js, text);
        JS_FreeValue(reader->js, text);
        if (key->atom == JS_ATOM_NULL)
            return -1;
    }
    json_skip_space(reader);
    if (*reader->at == ':') {
        reader->at++;
        return 0;
    }
    JS_FreeAtom(reader->js, key->atom);
    json_odd(reader);
    return -1;
}

/* The key as an atom, which the caller owns; JS_ATOM_NULL with an exception. */
static JSAtom json_atom(struct json_reader *reader, const struct json_key *key)
{
    return key->atom != JS_ATOM_NULL ? key->atom : JS_NewAtomLen(reader->js, (const char *)key->text, key->length);
}

/* The object of a shape, which is given away, with the values from `first` on; they stay where they are on failure. */
static JSValue json_object(struct json_reader *reader, JSShape *shape, uint32_t first, JSObject *unread)
{
    struct json *json = reader->json;
    JSProperty *properties;
    JSValue object;
    if (unread) {
        properties = json_is_last(reader) ? js_malloc(reader->js, sizeof *properties * shape->prop_size) : NULL;
        if (!properties) {
            js_free_shape(reader->js->rt, shape);
            return JS_EXCEPTION;
        }
        json_give_back(json, unread);
        unread->class_id = JS_CLASS_OBJECT;
        unread->is_exotic = false;
        unread->u.opaque = NULL;
        object = json_become(reader, shape, properties);
    } else {
        object = JS_NewObjectFromShape(reader->js, shape, JS_CLASS_OBJECT, NULL);
        if (JS_IsException(object))
            return object;
        properties = JS_VALUE_GET_OBJ(object)->prop;
    }
    const JSValue *values = json->values + first;
    for (uint32_t i = 0, count = json->value_count - first; i < count; i++)
        properties[i].u.value = values[i];
    json->value_count = first;
    return object;
}

/* The rest of an object with many properties. */
static JSValue json_read_large_object(struct json_reader *reader, uint32_t nesting, JSValue object)
{
    struct json *json = reader->json;
    uint32_t place = json->value_count;
    if (json_push(reader, object) < 0)
        return JS_EXCEPTION;
    for (int more = 1; more;) {
        struct json_key key;
        if (json_read_key(reader, &key) < 0)
            return JS_EXCEPTION;
        JSAtom atom = json_atom(reader, &key);
        if (atom == JS_ATOM_NULL)
            return JS_EXCEPTION;
        JSValue value = json_read_value(reader, nesting);
        int defined = JS_IsException(value)
                          ? -1
                          : JS_DefinePropertyValue(reader->js, json->values[place], atom, value, JS_PROP_C_W_E);
        JS_FreeAtom(reader->js, atom);
        if (defined < 0 || (more = json_read_comma(reader, '}')) < 0)
            return JS_EXCEPTION;
    }
    return json->values[--json->value_count];
}

/* Takes the value of a key that no step knows; answers the shape that follows, or NULL with an exception. */
static JSShape *json_read_new_property(struct json_reader *reader, uint32_t nesting, JSShape *shape, uint32_t first,
                                       const struct json_key *key)
{
    struct json *json = reader->json;
    JSAtom atom = json_atom(reader, key);
    if (atom == JS_ATOM_NULL)
        return NULL;
    int32_t place = json_place(shape, atom);
    JSShape *next = place < 0 ? json_shape_with(reader->js, shape, atom) : js_dup_shape(shape);
    if (next && place < 0 && key->atom == JS_ATOM_NULL)
        json_note_step(reader->js, json_step_of(json, shape, key->text, key->length), shape, next, atom);
    JS_FreeAtom(reader->js, atom);
    if (!next)
        return NULL;
    JSValue value = json_read_value(reader, nesting);
    if (!JS_IsException(value) && place >= 0) {     /* the last one of equal keys, at the place of the first */
        JS_FreeValue(reader->js, json->values[first + (uint32_t)place]);
        json->values[first + (uint32_t)place] = value;
        return next;
    }
    if (!JS_IsException(value) && json_push(reader, value) == 0)
        return next;
    js_free_shape(reader->js->rt, next);
    return NULL;
}

static JSValue json_read_object(struct json_reader *reader, uint32_t nesting)
{
    struct json *json = reader->json;
    uint32_t first = json->value_count;
    JSShape *shape = js_dup_shape(json->empty);
    int unknown = 0;
    reader->at++;
    json_skip_space(reader);
    if (*reader->at == '}') {
        reader->at++;
        return json_object(reader, shape, first, reader->unread);
    }
    for (int more = 1; more;) {
        if (unlikely(shape->prop_count >= JSON_MOST_STEPS || unknown == JSON_MOST_NEW)) {
            JSValue object = json_object(reader, shape, first, NULL);
            return JS_IsException(object) ? object : json_read_large_object(reader, nesting, object);
        }
        struct json_key key;
        JSShape *next = NULL;
        if (json_read_key(reader, &key) < 0)
            goto failed;
        const struct json_step *step = json_step_of(json, shape, key.text, key.length);
        if (likely(key.atom == JS_ATOM_NULL && step->from == shape && step->length == key.length &&
                   json_same(step->key, key.text, key.length))) {
            next = js_dup_shape(step->to);     /* before the value, which may bring the step to an end */
            js_free_shape(reader->js->rt, shape);
            shape = next;
            JSValue value = json_read_value(reader, nesting);
            if (JS_IsException(value) || json_push(reader, value) < 0)
                goto failed;
        } else {
            unknown++;
            next = json_read_new_property(reader, nesting, shape, first, &key);
            if (!next)
                goto failed;
            js_free_shape(reader->js->rt, shape);
            shape = next;
        }
        more = json_read_comma(reader, '}');
        if (more < 0)
            goto failed;
    }
    return json_object(reader, shape, first, reader->unread);
failed:
    js_free_shape(reader->js->rt, shape);
    return JS_EXCEPTION;
}

static JSValue json_read_word(struct json_reader *reader, const char *word, size_t length, JSValue value)
{
    for (size_t i = 0; i < length; i++)
        if (reader->at[i] != (uint8_t)word[i])
            return json_odd(reader);
    reader->at += length;
    return value;
}

static JSValue json_read_container(struct json_reader *reader, uint32_t nesting)
{
    if (nesting && reader->level) {
        const uint8_t *start = reader->at, *end = json_container_end(start, reader->end);
        if (!end)
            return json_odd(reader);
        reader->at = end;
        return json_borrow(reader->js, reader->json, start, (size_t)(end - start), reader->level + 1);
    }
    if (nesting == JSON_MOST_NESTING)
        return json_odd(reader);
    return *reader->at == '{' ? json_read_object(reader, nesting + 1) : json_read_array(reader, nesting + 1);
}

static JSValue json_read_value(struct json_reader *reader, uint32_t nesting)
{
    json_skip_space(reader);
    switch (*reader->at) {
    case '{':
    case '[':
        return json_read_container(reader, nesting);
    case '"':
        return json_read_string(reader);
    case 't':
        return json_read_word(reader, "true", 4, JS_TRUE);
    case 'f':
        return json_read_word(reader, "false", 5, JS_FALSE);
    case 'n':
        return json_read_word(reader, "null", 4, JS_NULL);
    default:
        return json_read_number(reader);
    }
}

/* What the first object needs. */
static int json_prepare(JSContext *js, struct json *json)
{
    if (json->steps)
        return 0;
    JSObject *prototype = JS_VALUE_GET_OBJ(js->class_proto[JS_CLASS_OBJECT]);
    JSShape *empty = find_hashed_shape_proto(js->rt, prototype);
    empty = empty ? js_dup_shape(empty) : js_new_shape(js, prototype);
    if (!empty)
        return -1;
    json->steps = js_mallocz(js, JSON_STEPS * sizeof *json->steps);
    if (!json->steps) {
        js_free_shape(js->rt, empty);
        return -1;
    }
    json->empty = empty;
    return 0;
}

/* Into an unread object where one is given, and then it may stay behind, and another one be answered; `level` is as of
 * the reader. */
static enum json_outcome json_read_into(JSContext *js, struct json *json, const char *text, size_t length,
                                        JSObject *unread, uint32_t level, JSValue *value)
{
    const uint8_t *start = (const uint8_t *)text;
    struct json_reader reader = {js, json, start, start + length, level, unread};
    if (js_check_stack_overflow(js->rt, JSON_STACK))
        return JSON_ODD;
    if (!json->steps && json_prepare(js, json) < 0)
        return JSON_THROWN;
    JSValue read = json_read_value(&reader, 0);
    if (!JS_IsException(read)) {
        json_skip_space(&reader);
        if (reader.at != reader.end) {
            JS_FreeValue(js, read);
            reader.is_odd = true;
        }
    }
    bool is_read = !JS_IsException(read) && !reader.is_odd;
    if (!is_read)
        json_drop(&reader, 0);
    if (json->value_capacity > JSON_KEPT_VALUES) {
        js_free(js, json->values);
        json->values = NULL;
        json->value_capacity = 0;
    }
    if (is_read)
        *value = read;
    return is_read ? JSON_DONE : reader.is_odd ? JSON_ODD : JSON_THROWN;
}

enum json_outcome json_read(JSContext *js, struct json *json, const char *text, size_t length, JSValue *value)
{
    return json_read_into(js, json, text, length, NULL, 0, value);
}

/* JSON.parse without a reviver. */
static JSValue json_parse(JSContext *js, const char *text, size_t length)
{
    struct json *json = JS_GetRuntimeOpaque(js->rt);
    JSValue value;
    switch (json_read(js, json, text, length, &value)) {
    case JSON_DONE:
        return value;
    case JSON_ODD:
        return JS_ParseJSON(js, text, length, "<input>");
    default:
        return JS_EXCEPTION;
    }
}

static JSValue json_value_into(JSContext *js, struct json *json, char *text, size_t length, JSObject *unread,
                               uint32_t level)
{
    JSValue value;
    char behind = text[length];
    text[length] = 0;
    switch (json_read_into(js, json, text, length, unread, level, &value)) {
    case JSON_DONE:
        break;
    case JSON_ODD:
        value = JS_ParseJSON(js, text, length, "<value>");
        break;
    default:
        value = JS_EXCEPTION;
    }
    text[length] = behind;
    return value;
}

JSValue json_value(JSContext *js, struct json *json, char *text, size_t length)
{
    return json_value_into(js, json, text, length, NULL, 0);
}

#endif
