#ifndef OUTPUT_H
#define OUTPUT_H

#include "guest.h"

void output_begin_call(void);
void output_begin_message(void);
void output_close_message(void);
size_t output_length(void);
uint32_t output_records(void);                          /* of this call */
uint32_t output_emissions(void);                        /* of this message */
void output_record(enum symbia_kind kind, uint16_t port, const void *payload, size_t length);
int output_emit(uint16_t port, JSValueConst value);     /* -1 with an exception */
int output_forward(uint16_t port);
void output_relay(uint16_t port);                       /* likewise, of what has no limits and cannot fail */
void output_raw(enum symbia_kind kind, uint16_t port, const char *text, size_t length);   /* its bytes, untouched */
void output_log(const char *level, JSValueConst message, JSValueConst meta);
void output_error(JSValueConst error);

#endif
