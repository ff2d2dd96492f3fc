#ifndef PROGRAM_H
#define PROGRAM_H

#include "guest.h"

int program_load(char *source, size_t length, const char *entrypoint, const char *filename);
int refuse_result(JSValueConst result);                 /* -1 with an exception where nobody could read it */
JSValue jobs_run(void);                                 /* all of them; the first exception, or JS_UNINITIALIZED */
JSValue settle(JSValue result);                         /* runs all promise jobs; owns and answers the result */
void rejections_clear(void);
JSValue rejections_first(void);                         /* JS_UNDEFINED when there is none */
bool rejections_any(void);
void rejections_track(JSContext *js, JSValueConst promise, JSValueConst reason, bool is_handled, void *opaque);

#endif
