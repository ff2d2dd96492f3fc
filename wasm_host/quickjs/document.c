/* Members of the open document. */
#include "document.h"

#include "memory.h"

double number_in(JSValueConst document, const char *name)
{
    double number = 0;
    JSValue value = JS_GetPropertyStr(guest->js, document, name);
    JS_ToFloat64(guest->js, &number, value);
    JS_FreeValue(guest->js, value);
    return number;
}

/* A number that only the documents of chains have. */
double number_or(JSValueConst document, const char *name, double otherwise)
{
    JSValue value = JS_GetPropertyStr(guest->js, document, name);
    double number = otherwise;
    if (!JS_IsUndefined(value))
        JS_ToFloat64(guest->js, &number, value);
    JS_FreeValue(guest->js, value);
    return number;
}

/* A string of the document; it stays allocated as long as the guest. */
const char *text_in(JSValueConst document, const char *name, size_t *length)
{
    JSValue value = JS_GetPropertyStr(guest->js, document, name);
    const char *text = JS_ToCStringLen(guest->js, length, value);
    JS_FreeValue(guest->js, value);
    if (!text)
        __builtin_trap();
    return text;
}

JSValue *strings_in(JSValueConst document, const char *name, uint32_t *count)
{
    JSValue array = JS_GetPropertyStr(guest->js, document, name);
    int64_t length = 0;
    JS_GetLength(guest->js, array, &length);
    JSValue *strings = memory_take((size_t)length * sizeof *strings);
    for (int64_t i = 0; i < length; i++)
        strings[i] = JS_GetPropertyInt64(guest->js, array, i);
    JS_FreeValue(guest->js, array);
    *count = (uint32_t)length;
    return strings;
}
