/* From an object's shape to the next one, by the text of a key. A part of engine.c. */
#ifndef JSON_STEPS_H
#define JSON_STEPS_H

#include "json.h"

enum { JSON_STEPS = 512 };          /* a power of two */

/* Both shapes are held, so neither changes, nor does another one come to stand in its place. */
struct json_step {
    JSShape *from, *to;
    const uint8_t *key;             /* text of the property that `to` has beyond `from` */
    uint32_t length;
};

/* The place of a property, or -1. */
static int32_t json_place(JSShape *shape, JSAtom key)
{
    uint32_t at = prop_hash_end(shape)[-(intptr_t)hash_atom(key, shape->prop_hash_mask) - 1];
    while (at) {
        const JSShapeProperty *property = &get_shape_prop(shape)[at - 1];
        if (property->atom == key)
            return (int32_t)at - 1;
        at = property->hash_next;
    }
    return -1;
}

/* The shape with one property more; NULL with an exception. */
static JSShape *json_shape_with(JSContext *js, JSShape *shape, JSAtom key)
{
    JSShape *found = find_hashed_shape_prop(js->rt, shape, key, JS_PROP_C_W_E);
    if (found)
        return js_dup_shape(found);
    JSShape *made = js_clone_shape(js, shape);
    if (!made)
        return NULL;
    made->is_hashed = true;
    js_shape_hash_link(js->rt, made);
    if (add_shape_property(js, &made, NULL, key, JS_PROP_C_W_E)) {
        js_free_shape(js->rt, made);
        return NULL;
    }
    return made;
}

static void json_forget_step(JSRuntime *runtime, struct json_step *step)
{
    js_free_shape_null(runtime, step->from);
    js_free_shape_null(runtime, step->to);
    *step = (struct json_step){0};
}

static inline struct json_step *json_step_of(struct json *json, JSShape *shape, const uint8_t *key, size_t length)
{
    uint32_t mixed = (uint32_t)((uintptr_t)shape >> 3) ^ (uint32_t)length * 0x9E3779B1u;
    if (length)
        mixed ^= (uint32_t)key[0] << 7 ^ (uint32_t)key[length - 1] << 14 ^ (uint32_t)key[length / 2] << 20;
    return &json->steps[mixed * 0x85EBCA6Bu >> 23];
}
_Static_assert(JSON_STEPS == 1 << (32 - 23), "a step's place is the highest bits of its hash");

static void json_note_step(JSContext *js, struct json_step *step, JSShape *from, JSShape *to, JSAtom key)
{
    if (__JS_AtomIsTaggedInt(key))
        return;
    JSString *text = js->rt->atom_array[key];
    if (text->is_wide_char)
        return;
    json_forget_step(js->rt, step);
    *step = (struct json_step){js_dup_shape(from), js_dup_shape(to), str8(text), text->len};
}

#endif
