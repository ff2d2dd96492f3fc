/* From values to JSON text, in UTF-8. A part of engine.c.
 *
 * What is plain can be written without asking the program anything: objects without getters, arrays without holes,
 * nowhere a toJSON. Where something is not plain, what was written is thrown away, and QuickJS begins anew.
 */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include "json_steps.h"
#include "json_unread.h"
#include "json_write_scalars.h"

enum {
    JSON_KEPT_TEXT = 64 * 1024,
    JSON_MOST_PROTOTYPES = 16,
};

static int json_write_value(struct json_writer *writer, JSValueConst value, uint32_t nesting);

/* Whether looking up toJSON finds nothing, in the prototypes, and asks nobody. */
static bool json_is_without_method(struct json_writer *writer, const JSObject *prototype)
{
    if (prototype == writer->prototype || !prototype)
        return true;
    const JSObject *at = prototype;
    for (int i = 0; at; i++, at = at->shape->proto) {
        bool is_plain = at->class_id == JS_CLASS_ARRAY || (at->class_id == JS_CLASS_OBJECT && !at->is_exotic);
        if (i == JSON_MOST_PROTOTYPES || !is_plain || json_place(at->shape, JS_ATOM_toJSON) >= 0)
            return false;
    }
    writer->prototype = prototype;
    return true;
}

static inline bool json_has_text(JSValueConst value)
{
    uint32_t tag = JS_VALUE_GET_NORM_TAG(value);
    return tag != JS_TAG_UNDEFINED && tag != JS_TAG_SYMBOL;
}

/* One property: a comma where it is not the first, its key, its value. */
static int json_write_property(struct json_writer *writer, JSAtom key, JSValueConst value, bool *is_first,
                               uint32_t nesting)
{
    if (!json_has_text(value))
        return JSON_DONE;
    if (json_room(writer, JSON_MOST_OF_NUMBER))
        return JSON_THROWN;
    if (!*is_first)
        *writer->at++ = ',';
    *is_first = false;
    if (__JS_AtomIsTaggedInt(key)) {
        *writer->at++ = '"';
        writer->at = json_write_digits(writer->at, __JS_AtomToUInt32(key));
        *writer->at++ = '"';
        *writer->at++ = ':';
    } else if (json_write_string(writer, writer->js->rt->atom_array[key], ':')) {
        return JSON_THROWN;
    }
    return json_write_value(writer, value, nesting);
}

/* Whether a key may be an index, which come first and in their own order. */
static inline bool json_is_like_index(JSRuntime *runtime, JSAtom key)
{
    if (__JS_AtomIsTaggedInt(key))
        return true;
    const JSString *text = runtime->atom_array[key];
    return text->len && !text->is_wide_char && is_digit(*str8((JSString *)text));
}

/* The properties in the order that the language wants, where that is not the order in which they were added. */
static int json_write_sorted(struct json_writer *writer, JSObject *object, uint32_t nesting)
{
    JSPropertyEnum *keys;
    uint32_t count;
    int outcome = JSON_DONE;
    bool is_first = true;
    if (JS_GetOwnPropertyNamesInternal(writer->js, &keys, &count, object, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY) < 0)
        return JSON_THROWN;
    for (uint32_t i = 0; i < count && !outcome; i++) {
        JSProperty *property;
        const JSShapeProperty *described = find_own_property(&property, object, keys[i].atom);
        outcome = !described || described->flags & JS_PROP_TMASK
                      ? JSON_ODD
                      : json_write_property(writer, keys[i].atom, property->u.value, &is_first, nesting);
    }
    js_free_prop_enum(writer->js, keys, count);
    return outcome;
}

static int json_write_properties(struct json_writer *writer, JSObject *object, uint32_t nesting)
{
    JSRuntime *runtime = writer->js->rt;
    const JSShape *shape = object->shape;
    const JSShapeProperty *described = get_shape_prop((JSShape *)shape);
    size_t start = (size_t)(writer->at - (uint8_t *)writer->json->text);
    bool is_first = true;
    for (int i = 0; i < shape->prop_count; i++) {
        JSAtom key = described[i].atom;
        if (key == JS_ATOM_NULL)
            continue;
        if (json_is_like_index(runtime, key)) {
            writer->at = (uint8_t *)writer->json->text + start;
            return json_write_sorted(writer, object, nesting);
        }
        if (!(described[i].flags & JS_PROP_ENUMERABLE) ||
            runtime->atom_array[key]->atom_type != JS_ATOM_TYPE_STRING)
            continue;
        if (described[i].flags & JS_PROP_TMASK)
            return JSON_ODD;
        int outcome = json_write_property(writer, key, object->prop[i].u.value, &is_first, nesting);
        if (outcome)
            return outcome;
    }
    return JSON_DONE;
}

static int json_write_elements(struct json_writer *writer, const JSObject *array, uint32_t nesting)
{
    for (uint32_t i = 0; i < array->u.array.count; i++) {
        JSValueConst value = array->u.array.u.values[i];
        if (json_room(writer, 1))
            return JSON_THROWN;
        if (i)
            *writer->at++ = ',';
        int outcome = json_write_value(writer, json_has_text(value) ? value : JS_NULL, nesting);
        if (outcome)
            return outcome;
    }
    return JSON_DONE;
}

/* An array without holes: as long as it has elements, all of which lie in a row. */
static bool json_is_whole_array(const JSObject *object)
{
    if (object->class_id != JS_CLASS_ARRAY || !object->fast_array)
        return false;
    JSValue length = object->prop[0].u.value;
    return JS_VALUE_GET_TAG(length) == JS_TAG_INT && (uint32_t)JS_VALUE_GET_INT(length) == object->u.array.count;
}

/* Whether texts that came say what is to be written: no toJSON is found, by their objects or by their arrays. */
static bool json_says_itself(struct json_writer *writer)
{
    JSContext *js = writer->js;
    if (writer->is_said)
        return true;
    writer->is_said = json_is_without_method(writer, JS_VALUE_GET_OBJ(js->class_proto[JS_CLASS_ARRAY])) &&
                      json_is_without_method(writer, JS_VALUE_GET_OBJ(js->class_proto[JS_CLASS_OBJECT]));
    return writer->is_said;
}

/* A text that came, within what is written. As deep within that as it was in its message, or less, it does not make it
 * deeper than the message was. */
static int json_write_unread(struct json_writer *writer, const JSObject *object, uint32_t nesting)
{
    if (!json_says_itself(writer))
        return JSON_ODD;
    if (nesting > json_level(writer->json, object))
        writer->most_nesting = UINT32_MAX;
    else if (writer->most_nesting < JSON_MOST_THAT_COMES)
        writer->most_nesting = JSON_MOST_THAT_COMES;
    return json_write_word(writer, json_unread_text(object), json_unread_length(object));
}

static int json_write_object(struct json_writer *writer, JSObject *object, uint32_t nesting)
{
    if (object->class_id == JSON_UNREAD_CLASS) {
        if (!writer->is_for_program)
            return json_write_unread(writer, object, nesting);
        if (json_open(writer->js, object, true) < 0)
            return JSON_THROWN;
    }
    bool is_array = json_is_whole_array(object);
    if (nesting > JSON_MOST_NESTING || (!is_array && (object->class_id != JS_CLASS_OBJECT || object->is_exotic)) ||
        json_place(object->shape, JS_ATOM_toJSON) >= 0 || !json_is_without_method(writer, object->shape->proto))
        return JSON_ODD;
    if (nesting > writer->most_nesting)
        writer->most_nesting = nesting;
    if (json_room(writer, 1))
        return JSON_THROWN;
    *writer->at++ = is_array ? '[' : '{';
    int outcome = is_array ? json_write_elements(writer, object, nesting)
                           : json_write_properties(writer, object, nesting);
    if (outcome)
        return outcome;
    if (json_room(writer, 1))
        return JSON_THROWN;
    *writer->at++ = is_array ? ']' : '}';
    return JSON_DONE;
}

/* A string that was put together of others. */
static int json_write_rope(struct json_writer *writer, JSValueConst rope)
{
    JSValue string = js_linearize_string_rope(writer->js, rope);
    if (JS_IsException(string))
        return JSON_THROWN;
    int outcome = json_write_string(writer, JS_VALUE_GET_STRING(string), 0);
    JS_FreeValue(writer->js, string);
    return outcome;
}

static int json_write_value(struct json_writer *writer, JSValueConst value, uint32_t nesting)
{
    switch (JS_VALUE_GET_NORM_TAG(value)) {
    case JS_TAG_INT:
        if (json_room(writer, JSON_MOST_OF_NUMBER))
            return JSON_THROWN;
        writer->at = json_write_integer(writer->at, JS_VALUE_GET_INT(value));
        return JSON_DONE;
    case JS_TAG_FLOAT64:
        return json_write_number(writer, JS_VALUE_GET_FLOAT64(value));
    case JS_TAG_STRING:
        return json_write_string(writer, JS_VALUE_GET_STRING(value), 0);
    case JS_TAG_STRING_ROPE:
        return json_write_rope(writer, value);
    case JS_TAG_OBJECT:
        return json_write_object(writer, JS_VALUE_GET_OBJ(value), nesting + 1);
    case JS_TAG_NULL:
        return json_write_word(writer, "null", 4);
    case JS_TAG_BOOL:
        return JS_VALUE_GET_BOOL(value) ? json_write_word(writer, "true", 4) : json_write_word(writer, "false", 5);
    default:
        return JSON_ODD;
    }
}

enum json_outcome json_write(JSContext *js, struct json *json, JSValueConst value)
{
    if (js_check_stack_overflow(js->rt, JSON_STACK))
        return JSON_ODD;
    uint8_t *text = (uint8_t *)json->text;
    struct json_writer writer = {js, json, text, text + json->text_capacity};
    const JSObject *object = JS_IsObject(value) ? JS_VALUE_GET_OBJ(value) : NULL;
    if (object && object->class_id == JSON_UNREAD_CLASS && json_says_itself(&writer)) {
        json->came = json_unread_text(object);
        json->came_length = json_unread_length(object);
        json->is_message = json_is_borrowed(object) && json_level(json, object) == 1;
        return JSON_CAME;
    }
    int outcome = json_write_value(&writer, value, 0);
    json->text_length = outcome ? 0 : (size_t)(writer.at - (uint8_t *)json->text);
    json->text_nesting = writer.most_nesting;
    if (outcome)
        json_let_go(js, json);
    return outcome;
}

/* JSON.stringify; what is asked of it beside the value is QuickJS's business. */
static JSValue json_stringify(JSContext *js, JSValueConst value, JSValueConst replacer, JSValueConst space)
{
    struct json *json = JS_GetRuntimeOpaque(js->rt);
    int outcome = JSON_ODD;
    if (JS_IsUndefined(replacer) && JS_IsUndefined(space) && !js_check_stack_overflow(js->rt, JSON_STACK)) {
        uint8_t *text = (uint8_t *)json->text;
        struct json_writer writer = {js, json, text, text + json->text_capacity, .is_for_program = true};
        outcome = json_write_value(&writer, value, 0);
        text = (uint8_t *)json->text;
        JSValue string = outcome ? JS_EXCEPTION : JS_NewStringLen(js, json->text, (size_t)(writer.at - text));
        json_let_go(js, json);
        if (!outcome)
            return string;
    }
    return outcome == JSON_ODD ? JS_JSONStringify(js, value, replacer, space) : JS_EXCEPTION;
}

void json_begin(JSRuntime *runtime, struct json *json)
{
    JS_SetRuntimeOpaque(runtime, json);
}

void json_let_go(JSContext *js, struct json *json)
{
    if (json->text_capacity <= JSON_KEPT_TEXT)
        return;
    js_free(js, json->text);
    json->text = NULL;
    json->text_capacity = json->text_length = 0;
}

void json_free(JSRuntime *runtime, struct json *json)
{
    for (uint32_t i = 0; json->steps && i < JSON_STEPS; i++)
        json_forget_step(runtime, &json->steps[i]);
    js_free_shape_null(runtime, json->empty);
    js_free_shape_null(runtime, json->empty_array);
    js_free_rt(runtime, json->steps);
    js_free_rt(runtime, json->values);
    js_free_rt(runtime, json->loans);
    js_free_rt(runtime, json->text);
    *json = (struct json){0};
}

#endif
