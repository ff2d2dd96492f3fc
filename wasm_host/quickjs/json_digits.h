/* From doubles to decimal digits, and back. A part of engine.c.
 *
 * To: the shortest digits that are the double again, and of those the nearest. The method is that of R. Giulietti ("The Schubfach way to render doubles", 2020): what rounds to the double is an
 * interval, the power of ten is chosen such that at least one multiple of it lies within, and of ten times it at most
 * one; so nothing is tried. Three products of 64 by 128 bits are all that is computed; build.py makes the powers.
 *
 * Back: the digits times the power, whose 128 bits are rounded up, so that the product is too large by less than one in
 * its 128 highest bits. Where that could matter to how it is rounded, QuickJS is asked.
 */
#ifndef JSON_DIGITS_H
#define JSON_DIGITS_H

#include <stdint.h>
#include <string.h>

#include "json_powers.h"       /* json_powers_of_ten, 10^JSON_LEAST_POWER first */

struct json_decimal {
    uint64_t digits;
    int32_t exponent;           /* of ten */
};

enum { JSON_FRACTION_BITS = 52, JSON_EXPONENT_BIAS = 1075, JSON_MOST_EXPONENT = 308 };

/* The high 64 bits of a product, and the low ones. */
static inline uint64_t json_product(uint64_t one, uint64_t other, uint64_t *low)
{
    uint64_t a = one >> 32, b = (uint32_t)one, c = other >> 32, d = (uint32_t)other;
    uint64_t bd = b * d, middle = a * d + (bd >> 32), rest = b * c + (uint32_t)middle;
    *low = rest << 32 | (uint32_t)bd;
    return a * c + (middle >> 32) + (rest >> 32);
}

/* A power of ten times a number, without the lowest 128 bits; odd where any of those matter. */
static inline uint64_t json_scaled(const uint64_t power[2], uint64_t number)
{
    uint64_t unused, low, carried = json_product(power[1], number, &unused);
    uint64_t high = json_product(power[0], number, &low);
    low += carried;
    high += low < carried;
    return high | (low > 1);
}

/* log10(2^power), or of three quarters of that, rounded down. */
static inline int32_t json_log10(int32_t power, bool of_three_quarters)
{
    return (power * 1262611 - (of_three_quarters ? 524031 : 0)) >> 22;
}

/* log2(10^power), rounded down. */
static inline int32_t json_log2(int32_t power)
{
    return (power * 1741647) >> 19;
}

/* Of a positive number that is finite. */
static struct json_decimal json_shortest(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    uint64_t fraction = bits & (((uint64_t)1 << JSON_FRACTION_BITS) - 1), quarters;
    int32_t biased = (int32_t)(bits >> JSON_FRACTION_BITS);
    bool is_near_below = !fraction && biased > 1;    /* the double below is half as far away as the one above */
    if (biased)
        fraction |= (uint64_t)1 << JSON_FRACTION_BITS;
    int32_t power = (biased ? biased : 1) - JSON_EXPONENT_BIAS;
    int32_t ten = json_log10(power, is_near_below);
    int32_t shift = power + json_log2(-ten) + 1;
    const uint64_t *scale = json_powers_of_ten[-ten - JSON_LEAST_POWER];
    quarters = fraction * 4;
    uint64_t from = json_scaled(scale, (quarters - 2 + is_near_below) << shift);
    uint64_t at = json_scaled(scale, quarters << shift);
    uint64_t to = json_scaled(scale, (quarters + 2) << shift);
    from += fraction & 1;       /* the ends belong to the interval where the fraction is even */
    to -= fraction & 1;
    uint64_t whole = at / 4, tens = whole / 10;
    if (whole >= 10) {
        bool is_lower = from <= 40 * tens, is_upper = 40 * tens + 40 <= to;
        if (is_lower != is_upper)
            return (struct json_decimal){tens + is_upper, ten + 1};
    }
    bool is_lower = from <= 4 * whole, is_upper = 4 * whole + 4 <= to;
    if (is_lower != is_upper)
        return (struct json_decimal){whole + is_upper, ten};
    uint64_t middle = 4 * whole + 2;
    bool is_up = at > middle || (at == middle && whole & 1);
    return (struct json_decimal){whole + is_up, ten};
}

/* The double that is next to the digits, of which there are some, times a power of ten; false where this does not tell,
 * or it is not a normal one. */
static bool json_nearest(uint64_t digits, int64_t exponent, double *number)
{
    if (exponent < JSON_LEAST_POWER || exponent > JSON_MOST_EXPONENT)
        return false;
    int zeros = __builtin_clzll(digits);
    const uint64_t *power = json_powers_of_ten[exponent - JSON_LEAST_POWER];
    uint64_t unused, low, carried = json_product(power[1], digits << zeros, &unused);
    uint64_t high = json_product(power[0], digits << zeros, &low);
    low += carried;
    high += low < carried;
    int shift = 9 + (int)(high >> 63);      /* to 54 bits, the last of which says which way to round */
    uint64_t kept = high >> shift, rest = high & (((uint64_t)1 << shift) - 1);
    int32_t biased = shift + 2 + json_log2((int32_t)exponent) - zeros + JSON_EXPONENT_BIAS;
    if ((!rest && low <= 1) || biased <= 0 || biased >= 2046)
        return false;
    uint64_t fraction = (kept >> 1) + (kept & 1) - ((uint64_t)1 << JSON_FRACTION_BITS);
    uint64_t bits = ((uint64_t)biased << JSON_FRACTION_BITS) + fraction;    /* which may carry into the exponent */
    memcpy(number, &bits, sizeof bits);
    return true;
}

#endif
