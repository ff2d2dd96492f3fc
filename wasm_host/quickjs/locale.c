/* There is no Intl: methods that would ask it for a language take one, and do nothing with it. A program that names one
 * is told so in its log, once. */
#include "locale.h"

#include <stdio.h>

#include "output.h"

static const struct {
    const char *owner, *name;
    int length;     /* of the function, as the standard has it */
    int first;      /* the first argument that is a matter of languages */
} methods[] = {
    {"Number", "toLocaleString", 0, 0},        {"BigInt", "toLocaleString", 0, 0},
    {"Date", "toLocaleString", 0, 0},          {"Date", "toLocaleDateString", 0, 0},
    {"Date", "toLocaleTimeString", 0, 0},      {"String", "localeCompare", 1, 1},
    {"String", "toLocaleLowerCase", 0, 0},     {"String", "toLocaleUpperCase", 0, 0},
};

static void warn(const char *name)
{
    char text[160];
    snprintf(text, sizeof text, "There is no Intl in the sandbox: %s ignores the language and the options that it is given",
             name);
    JSValue message = JS_NewString(guest->js, text);
    output_log("warn", message, JS_UNDEFINED);
    JS_FreeValue(guest->js, message);
    guest->warned_of_locale = true;
}

static JSValue call(JSContext *js, JSValueConst this_value, int argc, JSValueConst *argv, int index, JSValueConst *data)
{
    for (int i = methods[index].first; i < argc && !guest->warned_of_locale; i++)
        if (!JS_IsUndefined(argv[i]))
            warn(methods[index].name);
    return JS_Call(js, data[0], this_value, argc, argv);
}

void locale_install(JSValueConst global)
{
    JSContext *js = guest->js;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        JSValue owner = JS_GetPropertyStr(js, global, methods[i].owner);
        JSValue prototype = JS_GetPropertyStr(js, owner, "prototype");
        JSValue original = JS_GetPropertyStr(js, prototype, methods[i].name);
        JSValue wrapped = JS_NewCFunctionData2(js, call, methods[i].name, methods[i].length, (int)i, 1, &original);
        JS_DefinePropertyValueStr(js, prototype, methods[i].name, wrapped, JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
        JS_FreeValue(js, original);
        JS_FreeValue(js, prototype);
        JS_FreeValue(js, owner);
    }
}
