#ifndef DOCUMENT_H
#define DOCUMENT_H

#include "guest.h"

double number_in(JSValueConst document, const char *name);
double number_or(JSValueConst document, const char *name, double otherwise);   /* what only chains' documents have */
const char *text_in(JSValueConst document, const char *name, size_t *length);  /* allocated as long as the guest */
JSValue *strings_in(JSValueConst document, const char *name, uint32_t *count);

#endif
