#ifndef VALUES_H
#define VALUES_H

#include "guest.h"

JSValue parse_value(char *text, size_t length);         /* text[length] is overwritten for a moment */
JSValue receive_value(char *text, size_t length);       /* read when it is looked at; until value_settle */
void value_settle(void);                                /* ends the guest where there is no memory for it */
char *json_text(JSValueConst value, size_t *length);    /* NULL with an exception; free with js_free */

/* A value as text, until the next one is written. What QuickJS wrote, and may need mending, has an owner. */
struct written {
    const char *text;
    size_t length;
    const char *owner;      /* what holds the text, if it is QuickJS's */
    bool came;              /* the text is this message's own */
    uint32_t nesting;       /* how deep the text is nested, if it is ours */
};
int value_write(JSValueConst value, struct written *written);   /* -1 with an exception */
void value_release(struct written *written);
void mend_utf8(char *text, size_t length);              /* in place */
void mend_surrogates(char *text, size_t length);        /* in place */

#endif
