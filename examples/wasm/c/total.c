/* A component in C, as a plain module: emits the total of all integers so far.
 *
 * It speaks the guest ABI of symbia.h, where every name used here is explained. No library is needed.
 */
#include "symbia.h"

#define CAPACITY (2 << 20)

/* The compiler makes calls of these out of loops, and there is no library to have them. */
void *memcpy(void *to, const void *from, __SIZE_TYPE__ size)
{
    for (__SIZE_TYPE__ i = 0; i < size; i++)
        ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

static char input[CAPACITY + 16];
static char output[CAPACITY];
static struct symbia_status status = {.output = 0};
static int64_t total;

/* A record goes in whole, and only then counts. */
static void record(uint8_t kind, uint8_t flags, uint16_t port, const char *head, uint32_t head_length,
                   const char *text, uint32_t length)
{
    struct symbia_record start = {kind, flags, port, head_length + length};
    char *at = output + status.length;
    memcpy(at, &start, sizeof start);
    memcpy(at + sizeof start, head, head_length);
    memcpy(at + sizeof start + head_length, text, length);
    status.length += sizeof start + head_length + length;
    status.closed += flags & SYMBIA_CLOSES;
}

static uint32_t write_integer(char *to, int64_t value)
{
    char digits[20];
    uint32_t count = 0, length = 0;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do
        digits[count++] = '0' + rest % 10;
    while (rest /= 10);
    if (value < 0)
        to[length++] = '-';
    while (count)
        to[length++] = digits[--count];
    return length;
}

/* The integer that the text begins with; how many characters it has, 0 when it is none. */
static uint32_t read_integer(const char *text, uint32_t length, int64_t *value)
{
    uint32_t at = length && text[0] == '-';
    int64_t found = 0;
    uint32_t first = at;
    while (at < length && at - first < 18 && text[at] >= '0' && text[at] <= '9')
        found = found * 10 + (text[at++] - '0');
    *value = text[0] == '-' ? -found : found;
    return at == first ? 0 : at;
}

__attribute__((export_name("symbia_abi"))) int32_t symbia_abi(void) { return SYMBIA_ABI; }

__attribute__((export_name("symbia_status"))) struct symbia_status *symbia_status(void) { return &status; }

__attribute__((export_name("symbia_input"))) char *symbia_input(uint32_t capacity)
{
    return capacity <= CAPACITY ? input : 0;
}

static void begin(void)
{
    status.length = status.closed = 0;
    status.output = (uint32_t)output;
}

/* An instance that replaces another finds its total in the open document, which ends with the state and the limits. */
__attribute__((export_name("symbia_open"))) int32_t symbia_open(uint32_t length)
{
    static const char key[] = "\"state\":{\"total\":";
    begin();
    for (uint32_t at = sizeof(struct symbia_open); at + sizeof key < length; at++) {
        uint32_t same = 0;
        while (same < sizeof key - 1 && input[at + same] == key[same])
            same++;
        if (same == sizeof key - 1)
            read_integer(input + at + same, length - at - same, &total);
    }
    record(SYMBIA_NOTHING, SYMBIA_CLOSES, 0, "", 0, "", 0);
    return 0;
}

__attribute__((export_name("symbia_process"))) int32_t symbia_process(uint32_t batch_length)
{
    (void)batch_length;
    static const char wrong[] = "{\"name\":\"TypeError\",\"message\":\"not an integer\",\"stack\":\"\"}";
    static const char key[] = "\5\0\0\0total";
    struct symbia_batch batch;
    begin();
    memcpy(&batch, input, sizeof batch);
    char *lengths = input + sizeof batch + batch.count * 4;
    char *value = lengths + batch.count * 4;
    for (uint32_t message = 0; message < batch.count; message++) {
        uint32_t length;
        int64_t number;
        char text[24];
        if (status.length > CAPACITY - 256)
            return 0; /* the host sends the others again */
        memcpy(&length, lengths + message * 4, 4);
        if (length && read_integer(value, length, &number) == length) {
            total += number;
            uint32_t size = write_integer(text, total);
            record(SYMBIA_STATE, 0, 0, key, sizeof key - 1, text, size);
            record(SYMBIA_EMIT, SYMBIA_CLOSES, 0, "", 0, text, size);
        } else {
            record(SYMBIA_ERROR, SYMBIA_CLOSES, 0, "", 0, wrong, sizeof wrong - 1);
        }
        value += length;
    }
    return 0;
}

__attribute__((export_name("symbia_close"))) int32_t symbia_close(void)
{
    begin();
    return 0;
}
