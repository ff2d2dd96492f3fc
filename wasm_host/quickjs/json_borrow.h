/* Containers that nobody has looked at, and the texts that they borrow. A part of engine.c.
 *
 * Each has its text: borrowed from the message while that is under way, which the list of loans tells; or its own. It
 * uses the array's part of its object's union: the text as the values, its length as the size, and as the count the
 * place of its loan. It has no properties, nor memory for any.
 */
#ifndef JSON_BORROW_H
#define JSON_BORROW_H

#include "json.h"

enum {
    JSON_UNREAD_CLASS = JS_CLASS_INIT_COUNT,    /* the first one that is not QuickJS's own */
    JSON_KEPT_LOANS = 1024,
};
static const uint32_t JSON_OWN_TEXT = UINT32_MAX;      /* instead of a loan's place */

struct json_loan {
    JSObject *object;
    uint32_t level;                 /* of its brackets in the message, whose own are at 1 */
};

static inline char *json_unread_text(const JSObject *object)
{
    return object->u.array.u.ptr;
}

static inline size_t json_unread_length(const JSObject *object)
{
    return object->u.array.u1.size;
}

static inline bool json_is_borrowed(const JSObject *object)
{
    return object->u.array.count != JSON_OWN_TEXT;
}

/* Of an own text nobody knows it any more; as the message itself it stood highest. */
static inline uint32_t json_level(const struct json *json, const JSObject *object)
{
    return json_is_borrowed(object) ? json->loans[object->u.array.count].level : 1;
}

static void json_give_back(struct json *json, const JSObject *object)
{
    uint32_t place = object->u.array.count;
    struct json_loan last = json->loans[--json->loan_count];
    json->loans[place] = last;
    last.object->u.array.count = place;
}

static int json_grow_loans(JSContext *js, struct json *json)
{
    uint32_t larger = json->loan_capacity ? json->loan_capacity * 2 : 16;
    struct json_loan *moved = js_realloc(js, json->loans, larger * sizeof *moved);
    if (!moved)
        return -1;
    json->loans = moved;
    json->loan_capacity = larger;
    return 0;
}

/* An object that borrows this text, which begins with its bracket. */
static JSValue json_borrow(JSContext *js, struct json *json, const uint8_t *text, size_t length, uint32_t level)
{
    if (unlikely(json->loan_count == json->loan_capacity) && json_grow_loans(js, json) < 0)
        return JS_EXCEPTION;
    js_trigger_gc(js->rt, sizeof(JSObject));
    JSObject *object = js_malloc(js, sizeof *object);
    if (!object)
        return JS_EXCEPTION;
    *object = (JSObject){
        .class_id = JSON_UNREAD_CLASS, .extensible = true, .is_exotic = true,
        .shape = js_dup_shape(*text == '[' ? json->empty_array : json->empty),
    };
    object->u.array.u.ptr = (void *)text;
    object->u.array.u1.size = (uint32_t)length;
    object->u.array.count = json->loan_count;
    json->loans[json->loan_count++] = (struct json_loan){object, level};
    JS_REF_COUNT(object) = 1;
    add_gc_object(js->rt, &object->header, JS_GC_OBJ_TYPE_JS_OBJECT);
    return JS_MKPTR(JS_TAG_OBJECT, object);
}

bool json_settle(JSRuntime *runtime, struct json *json)
{
    while (json->loan_count) {
        JSObject *object = json->loans[json->loan_count - 1].object;
        size_t length = json_unread_length(object);
        char *copy = js_malloc_rt(runtime, length + 1);
        if (!copy)
            return false;
        memcpy(copy, json_unread_text(object), length);
        object->u.array.u.ptr = copy;
        object->u.array.count = JSON_OWN_TEXT;
        json->loan_count--;
    }
    if (json->loan_capacity > JSON_KEPT_LOANS) {
        js_free_rt(runtime, json->loans);
        json->loans = NULL;
        json->loan_capacity = 0;
    }
    return true;
}

#endif
