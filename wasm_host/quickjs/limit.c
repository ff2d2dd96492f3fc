/* What a program may use: read from its open document, and the error of what goes beyond. */
#include "limit.h"

#include <stdio.h>

#include "document.h"

#define READ_LIMIT(name, key) .name = (uint32_t)number_in(limits, key),

void limits_read(JSValueConst document)
{
    JSValue limits = JS_GetPropertyStr(guest->js, document, "limits");
    guest->limits = (struct guest_limits){QUICKJS_LIMITS(READ_LIMIT)};
    JS_FreeValue(guest->js, limits);
}

JSValue limit_error(const char *name, const char *what, const char *limit, uint32_t value)
{
    JSContext *js = guest->js;
    if (JS_IsUndefined(guest->failure)) {
        char message[200];
        snprintf(message, sizeof message, "%s: %s is limited to %lu", what, limit, (unsigned long)value);
        JSValue error = JS_NewError(js);
        /* The program gets this object too, and may not change what the host reads in it. */
        JS_DefinePropertyValueStr(js, error, "name", JS_NewString(js, name), 0);
        JS_DefinePropertyValueStr(js, error, "message", JS_NewString(js, message), 0);
        guest->failure = error;
    }
    return JS_Throw(js, JS_DupValue(js, guest->failure));
}
