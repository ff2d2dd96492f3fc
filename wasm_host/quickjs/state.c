/* The instance's state as JavaScript sees it: JSON text by key.
 *
 * Text, not objects: what a program did to an object without setState would otherwise look like state until
 * the guest is replaced, and be gone then. An invocation is a transaction, so the first write of a key
 * keeps what stood there before.
 */
#include "state.h"

#include <string.h>

#include "limit.h"
#include "memory.h"
#include "output.h"
#include "values.h"

struct entry {
    JSAtom key;
    size_t key_length;
    char *text;               /* NULL: absent */
    size_t length;
    char *before;             /* when dirty: what stood here before this invocation; NULL: absent */
    size_t before_length;
    bool dirty;
};

static struct entry *find(JSAtom key)
{
    for (uint32_t i = 0; i < guest->state.count; i++)
        if (guest->state.entries[i].key == key)
            return &guest->state.entries[i];
    return NULL;
}

static struct entry *add(JSAtom key, size_t key_length)
{
    if (guest->state.count == guest->state.capacity) {
        uint32_t larger = guest->state.capacity ? guest->state.capacity * 2 : 8;
        struct entry *moved = memory_take(larger * sizeof *moved);
        if (guest->state.count)
            memcpy(moved, guest->state.entries, guest->state.count * sizeof *moved);
        memory_give(guest->state.entries);
        guest->state.entries = moved;
        guest->state.capacity = larger;
    }
    struct entry *entry = &guest->state.entries[guest->state.count++];
    memset(entry, 0, sizeof *entry);
    entry->key = JS_DupAtom(guest->js, key);
    entry->key_length = key_length;
    return entry;
}

static size_t weight(const struct entry *entry)
{
    return entry->text ? entry->key_length + entry->length : 0;
}

static void replace(struct entry *entry, char *text, size_t length)
{
    guest->state.total_bytes -= weight(entry);
    guest->state.present -= entry->text != NULL;
    entry->text = text;
    entry->length = length;
    guest->state.total_bytes += weight(entry);
    guest->state.present += text != NULL;
}

/* Writes within an invocation: what stood there before it is kept, what it wrote itself before is not. */
static void write(struct entry *entry, char *text, size_t length)
{
    char *replaced = entry->text;
    size_t replaced_length = entry->length;
    replace(entry, text, length);
    if (entry->dirty) {
        js_free(guest->js, replaced);
        return;
    }
    entry->before = replaced;
    entry->before_length = replaced_length;
    entry->dirty = true;
    guest->state.dirty++;
}

/* The key as an atom; keys that UTF-8 cannot say are refused. */
static int key_of(JSValueConst key, JSAtom *atom, size_t *key_length)
{
    JSContext *js = guest->js;
    const char *utf8 = JS_ToCStringLen(js, key_length, key);
    if (!utf8)
        return -1;
    bool lone_surrogate = false;
    for (size_t i = 0; i + 1 < *key_length; i++)
        lone_surrogate |= (uint8_t)utf8[i] == 0xED && (uint8_t)utf8[i + 1] >= 0xA0;
    *atom = lone_surrogate ? JS_ATOM_NULL : JS_NewAtomLen(js, utf8, *key_length);
    JS_FreeCString(js, utf8);
    if (lone_surrogate)
        JS_ThrowTypeError(js, "a state key must be well-formed text");
    return *atom == JS_ATOM_NULL ? -1 : 0;
}

JSValue state_get(JSValueConst key)
{
    JSAtom atom;
    size_t key_length;
    if (key_of(key, &atom, &key_length) < 0)
        return JS_EXCEPTION;
    struct entry *entry = find(atom);
    JS_FreeAtom(guest->js, atom);
    if (!entry || !entry->text)
        return JS_UNDEFINED;
    return parse_value(entry->text, entry->length);
}

static int within_limits(const struct entry *entry, size_t key_length, size_t length)
{
    size_t now = entry ? weight(entry) : 0;
    uint32_t keys = guest->state.present + !(entry && entry->text);
    if (keys > guest->limits.state_keys) {
        LIMIT_ERROR("StateLimitExceeded", "too many state keys", state_keys);
        return -1;
    }
    if (guest->state.total_bytes - now + key_length + length > guest->limits.state_bytes) {
        LIMIT_ERROR("StateLimitExceeded", "too much state", state_bytes);
        return -1;
    }
    return 0;
}

static int store(JSAtom atom, size_t key_length, JSValueConst value)
{
    size_t length = 0;
    char *text = NULL;
    struct entry *entry = find(atom);
    if (JS_IsUndefined(value)) {
        if (!entry)
            return 0;
    } else {
        text = json_text(value, &length);
        if (!text)
            return -1;
        entry = find(atom);    /* a toJSON may have written state meanwhile */
        if (within_limits(entry, key_length, length) < 0) {
            js_free(guest->js, text);
            return -1;
        }
    }
    write(entry ? entry : add(atom, key_length), text, length);
    return 0;
}

int state_set(JSValueConst key, JSValueConst value)
{
    JSAtom atom;
    size_t key_length;
    if (key_of(key, &atom, &key_length) < 0)
        return -1;
    int result = store(atom, key_length, value);
    JS_FreeAtom(guest->js, atom);
    return result;
}

static void clean(struct entry *entry)
{
    entry->before = NULL;
    entry->before_length = 0;
    entry->dirty = false;
}

void state_begin(void)
{
    if (guest->state.dirty)
        state_rollback();
}

static void write_record(const struct entry *entry)
{
    size_t key_length;
    const char *key = JS_AtomToCStringLen(guest->js, &key_length, entry->key);
    if (!key)
        __builtin_trap();
    uint32_t framed = (uint32_t)key_length;
    size_t total = sizeof framed + key_length + entry->length;
    char *payload = memory_take(total);
    memcpy(payload, &framed, sizeof framed);
    memcpy(payload + sizeof framed, key, key_length);
    if (entry->text)
        memcpy(payload + sizeof framed + key_length, entry->text, entry->length);
    output_record(SYMBIA_STATE, 0, payload, total);
    memory_give(payload);
    JS_FreeCString(guest->js, key);
}

/* Absent keys are forgotten, or a program that uses a new key for each message would fill the table. */
static void forget_absent(void)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < guest->state.count; i++) {
        if (guest->state.entries[i].text)
            guest->state.entries[kept++] = guest->state.entries[i];
        else
            JS_FreeAtom(guest->js, guest->state.entries[i].key);
    }
    guest->state.count = kept;
}

void state_commit(void)
{
    if (!guest->state.dirty)
        return;
    for (uint32_t i = 0; i < guest->state.count; i++) {
        struct entry *entry = &guest->state.entries[i];
        if (!entry->dirty)
            continue;
        if (entry->text || entry->before)   /* what came and went within the invocation is nobody's business */
            write_record(entry);
        js_free(guest->js, entry->before);
        clean(entry);
    }
    guest->state.dirty = 0;
    forget_absent();
}

void state_rollback(void)
{
    if (!guest->state.dirty)
        return;
    for (uint32_t i = 0; i < guest->state.count; i++) {
        struct entry *entry = &guest->state.entries[i];
        if (!entry->dirty)
            continue;
        char *undone = entry->text;
        replace(entry, entry->before, entry->before_length);
        js_free(guest->js, undone);
        clean(entry);
    }
    guest->state.dirty = 0;
    forget_absent();
}

int state_load(JSValueConst values)
{
    JSContext *js = guest->js;
    JSPropertyEnum *names;
    uint32_t total;
    if (!JS_IsObject(values))
        return 0;
    if (JS_GetOwnPropertyNames(js, &names, &total, values, JS_GPN_STRING_MASK) < 0)
        return -1;
    int result = 0;
    for (uint32_t i = 0; i < total && result == 0; i++) {
        size_t key_length = 0;
        const char *key = JS_AtomToCStringLen(js, &key_length, names[i].atom);
        JSValue value = JS_GetProperty(js, values, names[i].atom);
        result = store(names[i].atom, key_length, value);
        JS_FreeValue(js, value);
        JS_FreeCString(js, key);
    }
    JS_FreePropertyEnum(js, names, total);
    for (uint32_t i = 0; i < guest->state.count; i++)
        clean(&guest->state.entries[i]);
    guest->state.dirty = 0;
    return result;
}

int state_replace(JSValueConst values)
{
    JSContext *js = guest->js;
    JSPropertyEnum *names;
    uint32_t total;
    if (JS_GetOwnPropertyNames(js, &names, &total, values, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY) < 0)
        return -1;
    for (uint32_t i = 0; i < guest->state.count; i++)
        if (guest->state.entries[i].text)
            write(&guest->state.entries[i], NULL, 0);
    int result = 0;
    for (uint32_t i = 0; i < total && result == 0; i++) {
        JSValue key = JS_AtomToString(js, names[i].atom);
        JSValue value = JS_GetProperty(js, values, names[i].atom);
        result = JS_IsException(key) || JS_IsException(value) ? -1 : state_set(key, value);
        JS_FreeValue(js, value);
        JS_FreeValue(js, key);
    }
    JS_FreePropertyEnum(js, names, total);
    return result;
}
