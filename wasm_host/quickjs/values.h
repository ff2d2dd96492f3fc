#ifndef VALUES_H
#define VALUES_H

#include "guest.h"

JSValue parse_value(char *text, size_t length);         /* text[length] is overwritten for a moment */
char *json_text(JSValueConst value, size_t *length);    /* NULL with an exception; free with js_free */
void mend_utf8(char *text, size_t length);              /* in place */
void mend_surrogates(char *text, size_t length);        /* in place */

#endif
