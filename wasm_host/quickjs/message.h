#ifndef MESSAGE_H
#define MESSAGE_H

#include "guest.h"

enum {
    RETURN_EARLY_AT = 4 * 1024 * 1024,          /* bytes of output after which the host takes over */
    RETURN_EARLY_AT_RECORDS = 4096,             /* the same for records, which the host reads in one go */
};
void message_begin(void);
bool message_end(bool threw);                   /* whether it succeeded */
bool message_tried(void);                       /* false, with an exception, where an expression cannot be meant */
void message_process(char *text, uint32_t length, uint32_t port);

#endif
