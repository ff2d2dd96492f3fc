/* Containers that nobody has looked at yet, and the first look at them. A part of engine.c.
 *
 * A message that is an object or an array becomes an object of a class of its own: it has its text, which it borrows,
 * and a prototype. The first look at it, of whatever kind, reads it and turns this very object into the ordinary one
 * that it stands for: whoever holds it holds the same one, and nothing about it stays different. The objects and
 * arrays within are then such objects, on their parts of the text. What nobody looks at leaves as the text that it
 * came as.
 *
 * Looks come through the class's exotic methods, and, where QuickJS asks none of those, through hooks in its source
 * (hooks.py). What has outlived its message has its own text, and is read with all that is in it.
 */
#ifndef JSON_UNREAD_H
#define JSON_UNREAD_H

#include "json_read.h"

static bool json_is_array(JSObject *object)
{
    return object->class_id == JS_CLASS_ARRAY ||
           (object->class_id == JSON_UNREAD_CLASS && *json_unread_text(object) == '[');
}

static void json_unread_finalizer(JSRuntime *runtime, JSValueConst value)
{
    JSObject *object = JS_VALUE_GET_OBJ(value);
    if (json_is_borrowed(object))
        json_give_back(JS_GetRuntimeOpaque(runtime), object);
    else
        js_free_rt(runtime, json_unread_text(object));
}

/* What the ordinary object has becomes this one's, and the other way round: that one is freed with what is left. */
static void json_swap(JSContext *js, JSObject *object, JSValue value)
{
    JSObject *read = JS_VALUE_GET_OBJ(value);
    JSShape *shape = object->shape;
    object->class_id = read->class_id;
    object->is_exotic = read->is_exotic;
    object->fast_array = read->fast_array;
    object->shape = read->shape;
    object->prop = read->prop;
    object->u = read->u;
    read->class_id = JS_CLASS_OBJECT;
    read->is_exotic = read->fast_array = 0;
    read->shape = shape;
    read->prop = NULL;
    read->u.opaque = NULL;
    JS_FreeValue(js, value);
}

/* Reads an unread object, by one level or as a whole; -1 with an exception. */
static no_inline int json_open(JSContext *js, JSObject *object, bool is_whole)
{
    struct json *json = JS_GetRuntimeOpaque(js->rt);
    char *text = json_unread_text(object);
    bool is_borrowed = json_is_borrowed(object), is_level = is_borrowed && !is_whole;
    JSValue value = json_value_into(js, json, text, json_unread_length(object), is_level ? object : NULL,
                                    is_level ? json_level(json, object) : 0);
    if (JS_IsException(value))
        return -1;
    if (JS_VALUE_GET_OBJ(value) == object)
        return 0;
    if (is_borrowed)
        json_give_back(json, object);
    json_swap(js, object, value);
    if (!is_borrowed)
        js_free(js, text);
    return 0;
}

/* Before anything is done with an object: reads it where it is unread; -1 with an exception. */
static inline int json_look(JSContext *js, JSObject *object)
{
    return likely(object->class_id != JSON_UNREAD_CLASS) ? 0 : json_open(js, object, false);
}

static int json_unread_get_own(JSContext *js, JSPropertyDescriptor *described, JSValueConst object, JSAtom key)
{
    if (json_look(js, JS_VALUE_GET_OBJ(object)) < 0)
        return -1;
    return JS_GetOwnPropertyInternal(js, described, JS_VALUE_GET_OBJ(object), key);
}

static int json_unread_delete(JSContext *js, JSValueConst object, JSAtom key)
{
    if (json_look(js, JS_VALUE_GET_OBJ(object)) < 0)
        return -1;
    return delete_property(js, JS_VALUE_GET_OBJ(object), key);
}

static int json_unread_define(JSContext *js, JSValueConst object, JSAtom key, JSValueConst value, JSValueConst getter,
                              JSValueConst setter, int flags)
{
    if (json_look(js, JS_VALUE_GET_OBJ(object)) < 0)
        return -1;
    return JS_DefineProperty(js, object, key, value, getter, setter, flags);
}

static JSValue json_unread_get(JSContext *js, JSValueConst object, JSAtom key, JSValueConst receiver)
{
    if (json_look(js, JS_VALUE_GET_OBJ(object)) < 0)
        return JS_EXCEPTION;
    return JS_GetPropertyInternal(js, object, key, receiver, false);
}

static int json_unread_set(JSContext *js, JSValueConst object, JSAtom key, JSValueConst value, JSValueConst receiver,
                           int flags)
{
    if (json_look(js, JS_VALUE_GET_OBJ(object)) < 0)
        return -1;
    return JS_SetPropertyInternal2(js, object, key, js_dup(value), receiver, flags);
}

static JSClassExoticMethods json_unread_methods = {
    .get_own_property = json_unread_get_own,
    .delete_property = json_unread_delete,
    .define_own_property = json_unread_define,
    .get_property = json_unread_get,
    .set_property = json_unread_set,
};

static const JSClassDef json_unread_class = {
    "Object", .finalizer = json_unread_finalizer, .exotic = &json_unread_methods,
};

/* What the first unread object needs. */
static int json_prepare_unread(JSContext *js, struct json *json)
{
    if (json->empty_array)
        return 0;
    if (json_prepare(js, json) < 0)
        return -1;
    if (!JS_IsRegisteredClass(js->rt, JSON_UNREAD_CLASS)) {
        if (JS_NewClass(js->rt, JSON_UNREAD_CLASS, &json_unread_class) < 0) {
            JS_ThrowOutOfMemory(js);
            return -1;
        }
    }
    JSObject *prototype = JS_VALUE_GET_OBJ(js->class_proto[JS_CLASS_ARRAY]);
    JSShape *empty = find_hashed_shape_proto(js->rt, prototype);
    json->empty_array = empty ? js_dup_shape(empty) : js_new_shape(js, prototype);
    return json->empty_array ? 0 : -1;
}

JSValue json_receive(JSContext *js, struct json *json, char *text, size_t length)
{
    if (!length || (*text != '{' && *text != '['))
        return json_value(js, json, text, length);
    if (json_prepare_unread(js, json) < 0)
        return JS_EXCEPTION;
    return json_borrow(js, json, (const uint8_t *)text, length, 1);
}

#endif
