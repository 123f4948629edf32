// SPDX-License-Identifier: MIT
//
// MC146818A. Registers: 0 seconds 1 its alarm, 2 minutes 3, 4 hours 5, 6 weekday (1: Sunday), 7 day, 8 month, 9 year,
// A B C D control; 32h century by PC custom. The date is computed from virtual time when it is asked for; setting stores
// the difference. Virtual time base is binary seconds since 1970; conversion to calendar is integer arithmetic.
// Timers exist only for what can interrupt or set a flag that is looked at. Machine thread only.
#include "hw/timer/mc146818.h"
#include <string.h>

enum { SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR, REG_A, REG_B, REG_C, REG_D,
       CENTURY = 0x32 };
#define A_UIP 0x80
#define B_SET 0x80
#define B_PIE 0x40
#define B_AIE 0x20
#define B_UIE 0x10
#define B_BINARY 0x04
#define B_24H 0x02
#define C_IRQF 0x80
#define UPDATE_IN_PROGRESS_NS 244000 // UIP rises that long before the second

// ---- calendar

struct date { int second, minute, hour, weekday, day, month, year; };

// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (years start in March here).
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_from(int64_t seconds, struct date *date)
{
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    date->second = (int)(rest % 60);
    date->minute = (int)(rest / 60 % 60);
    date->hour = (int)(rest / 3600);
    date->weekday = (int)(((days + 4) % 7 + 7) % 7);
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t m = (5 * of_year + 2) / 153;
    date->day = (int)(of_year - (153 * m + 2) / 5 + 1);
    date->month = (int)(m < 10 ? m + 3 : m - 9);
    date->year = (int)(year + era * 400 + (date->month <= 2));
}

static uint8_t encode(const struct mc146818 *rtc, int value)
{
    return (uint8_t)(rtc->cmos[REG_B] & B_BINARY ? value : value / 10 << 4 | value % 10);
}

static int decode(const struct mc146818 *rtc, uint8_t value)
{
    return rtc->cmos[REG_B] & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static uint8_t encode_hour(const struct mc146818 *rtc, int hour)
{
    if (rtc->cmos[REG_B] & B_24H)
        return encode(rtc, hour);
    return (uint8_t)(encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
}

static int decode_hour(const struct mc146818 *rtc, uint8_t value)
{
    if (rtc->cmos[REG_B] & B_24H)
        return decode(rtc, value);
    return decode(rtc, value & 0x7f) % 12 + (value & 0x80 ? 12 : 0);
}

// ---- the date

static bool stopped(const struct mc146818 *rtc)
{
    // The divider is held in reset (11x) or the guest is setting the date.
    return (rtc->cmos[REG_B] & B_SET) || (rtc->cmos[REG_A] & 0x60) == 0x60;
}

static int64_t date_ns(const struct mc146818 *rtc)
{
    return rtc->clock->wall_base_ns + clock_now(rtc->clock) + rtc->offset_ns;
}

static int64_t floor_second(int64_t ns) { return ns >= 0 ? ns / NS_PER_SECOND : -((-ns + NS_PER_SECOND - 1) / NS_PER_SECOND); }

static void show_date(struct mc146818 *rtc)
{
    struct date d;
    date_from(floor_second(date_ns(rtc)), &d);
    rtc->cmos[SECONDS] = encode(rtc, d.second);
    rtc->cmos[MINUTES] = encode(rtc, d.minute);
    rtc->cmos[HOURS] = encode_hour(rtc, d.hour);
    rtc->cmos[WEEKDAY] = encode(rtc, d.weekday + 1);
    rtc->cmos[DAY] = encode(rtc, d.day);
    rtc->cmos[MONTH] = encode(rtc, d.month);
    rtc->cmos[YEAR] = encode(rtc, d.year % 100);
    rtc->cmos[CENTURY] = (uint8_t)(d.year / 100 / 10 << 4 | d.year / 100 % 10);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) { return value < low ? low : value > high ? high : value; }

// The registers become the date; `fraction`: ns into the second.
static void take_date(struct mc146818 *rtc, int64_t fraction)
{
    int century = (rtc->cmos[CENTURY] >> 4) * 10 + (rtc->cmos[CENTURY] & 15);
    int64_t year = clamp(century, 16, 99) * 100 + decode(rtc, rtc->cmos[YEAR]);
    int month = (int)clamp(decode(rtc, rtc->cmos[MONTH]), 1, 12);
    int64_t days = days_of(clamp(year, 1678, 2261), month, (int)clamp(decode(rtc, rtc->cmos[DAY]), 1, 31));
    int64_t seconds = days * 86400 + clamp(decode_hour(rtc, rtc->cmos[HOURS]), 0, 23) * 3600 +
                      clamp(decode(rtc, rtc->cmos[MINUTES]), 0, 59) * 60 + clamp(decode(rtc, rtc->cmos[SECONDS]), 0, 59);
    rtc->offset_ns = 0;
    rtc->offset_ns = seconds * NS_PER_SECOND + fraction - date_ns(rtc);
}

// ---- interrupts

static void update_irq(struct mc146818 *rtc)
{
    bool on = rtc->cmos[REG_C] & rtc->cmos[REG_B] & (B_PIE | B_AIE | B_UIE);
    rtc->cmos[REG_C] = (uint8_t)((rtc->cmos[REG_C] & 0x7f) | (on ? C_IRQF : 0));
    irq_set(&rtc->irq, on);
}

// Period in ticks of 32768 Hz by rate select [MC146818A table 5]; 0: off.
static unsigned period_ticks(const struct mc146818 *rtc)
{
    unsigned rate = rtc->cmos[REG_A] & 15;
    if (!rate || (rtc->cmos[REG_A] & 0x60) == 0x60)
        return 0;
    return 1u << ((rate <= 2 ? rate + 7 : rate) - 1);
}

static void plan_periodic(struct mc146818 *rtc)
{
    unsigned ticks = period_ticks(rtc);
    if (!ticks || !(rtc->cmos[REG_B] & B_PIE)) {
        timer_disarm(&rtc->periodic);
        return;
    }
    // The grid is that of virtual time 0, so that a change of rate does not drift.
    uint64_t now = muldiv64((uint64_t)clock_now(rtc->clock), 32768, NS_PER_SECOND);
    uint64_t next = (now / ticks + 1) * ticks;
    rtc->periodic_next = (int64_t)muldiv64(next, NS_PER_SECOND, 32768) + 1;
    timer_arm(&rtc->periodic, rtc->periodic_next);
}

static void periodic_fired(void *opaque)
{
    struct mc146818 *rtc = opaque;
    rtc->cmos[REG_C] |= B_PIE;
    plan_periodic(rtc);
    update_irq(rtc);
}

static bool alarm_matches(const struct mc146818 *rtc, int field, int now, bool hour)
{
    uint8_t alarm = rtc->cmos[field];
    if ((alarm & 0xc0) == 0xc0)
        return true; // do not care
    return (hour ? decode_hour(rtc, alarm) : decode(rtc, alarm)) == now;
}

// Does second number `second` (since 1970) set the alarm flag?
static bool alarm_at(const struct mc146818 *rtc, int64_t second)
{
    struct date d;
    date_from(second, &d);
    return alarm_matches(rtc, SECONDS_ALARM, d.second, false) && alarm_matches(rtc, MINUTES_ALARM, d.minute, false) &&
           alarm_matches(rtc, HOURS_ALARM, d.hour, true);
}

// Seconds that passed since the last look set their flags. A gap of more than a day holds every alarm.
static void catch_up(struct mc146818 *rtc)
{
    if (stopped(rtc))
        return;
    int64_t second = floor_second(date_ns(rtc));
    if (second == rtc->update_second)
        return;
    rtc->cmos[REG_C] |= B_UIE;
    int64_t from = rtc->update_second + 1;
    if (second - from > 86400 || from > second)
        from = second - 86400;
    for (int64_t s = from; s <= second && !(rtc->cmos[REG_C] & B_AIE); s++) {
        if (alarm_at(rtc, s))
            rtc->cmos[REG_C] |= B_AIE;
    }
    rtc->update_second = second;
}

static void plan_update(struct mc146818 *rtc)
{
    if (stopped(rtc) || !(rtc->cmos[REG_B] & (B_UIE | B_AIE))) {
        timer_disarm(&rtc->update);
        return;
    }
    int64_t date = date_ns(rtc), second = floor_second(date) + 1;
    if (!(rtc->cmos[REG_B] & B_UIE)) {
        // Only the alarm interrupts: sleep until it may match.
        int64_t last = second + 86400;
        while (second < last && !alarm_at(rtc, second))
            second++;
    }
    timer_arm(&rtc->update, clock_now(rtc->clock) + (second * NS_PER_SECOND - date));
}

static void update_fired(void *opaque)
{
    struct mc146818 *rtc = opaque;
    catch_up(rtc);
    plan_update(rtc);
    update_irq(rtc);
}

// ---- ports

static uint8_t read_a(struct mc146818 *rtc)
{
    int64_t date = date_ns(rtc), into = date - floor_second(date) * NS_PER_SECOND;
    bool busy = !stopped(rtc) && into >= NS_PER_SECOND - UPDATE_IN_PROGRESS_NS;
    return (uint8_t)((rtc->cmos[REG_A] & 0x7f) | (busy ? A_UIP : 0));
}

static uint8_t read_c(struct mc146818 *rtc)
{
    catch_up(rtc);
    update_irq(rtc);
    uint8_t value = rtc->cmos[REG_C];
    rtc->cmos[REG_C] = 0;
    irq_set(&rtc->irq, 0);
    return value;
}

static uint64_t port_read_byte(void *opaque, uint64_t offset, unsigned size)
{
    struct mc146818 *rtc = opaque;
    if (offset == 0)
        return 0xff; // the index is write-only
    switch (rtc->index) {
    case SECONDS: case MINUTES: case HOURS: case WEEKDAY: case DAY: case MONTH: case YEAR: case CENTURY:
        if (!stopped(rtc))
            show_date(rtc);
        return rtc->cmos[rtc->index];
    case REG_A: return read_a(rtc);
    case REG_C: return read_c(rtc);
    case REG_D: return 0x80; // battery is fine
    default: return rtc->cmos[rtc->index];
    }
}

static void write_a(struct mc146818 *rtc, uint8_t value)
{
    bool was = stopped(rtc);
    catch_up(rtc);
    if (!was)
        show_date(rtc);
    rtc->cmos[REG_A] = value & 0x7f;
    if (was && !stopped(rtc)) { // the first update comes half a second after the divider starts
        take_date(rtc, NS_PER_SECOND / 2);
        rtc->update_second = floor_second(date_ns(rtc));
    }
    plan_periodic(rtc);
    plan_update(rtc);
}

static void write_b(struct mc146818 *rtc, uint8_t value)
{
    bool was = stopped(rtc);
    int64_t date = date_ns(rtc), fraction = date - floor_second(date) * NS_PER_SECOND;
    catch_up(rtc);
    if (!was)
        show_date(rtc);
    if (value & B_SET)
        value &= (uint8_t)~B_UIE;
    rtc->cmos[REG_B] = value;
    if (was && !stopped(rtc)) {
        take_date(rtc, fraction);
        rtc->update_second = floor_second(date_ns(rtc));
    } else if (!was && !stopped(rtc)) {
        show_date(rtc); // the format may have changed
    }
    plan_periodic(rtc);
    plan_update(rtc);
    update_irq(rtc);
}

static void write_date(struct mc146818 *rtc, uint8_t value)
{
    if (stopped(rtc)) {
        rtc->cmos[rtc->index] = value;
        return;
    }
    int64_t date = date_ns(rtc);
    show_date(rtc);
    rtc->cmos[rtc->index] = value;
    take_date(rtc, date - floor_second(date) * NS_PER_SECOND);
    rtc->update_second = floor_second(date_ns(rtc));
    plan_update(rtc);
}

static void port_write_byte(void *opaque, uint64_t offset, uint64_t value64, unsigned size)
{
    struct mc146818 *rtc = opaque;
    uint8_t value = (uint8_t)value64;
    if (offset == 0) {
        rtc->index = value & 0x7f; // bit 7 masks NMI, which nothing raises
        return;
    }
    switch (rtc->index) {
    case SECONDS: case MINUTES: case HOURS: case WEEKDAY: case DAY: case MONTH: case YEAR: case CENTURY:
        write_date(rtc, value);
        break;
    case SECONDS_ALARM: case MINUTES_ALARM: case HOURS_ALARM:
        catch_up(rtc);
        rtc->cmos[rtc->index] = value;
        plan_update(rtc);
        break;
    case REG_A: write_a(rtc, value); break;
    case REG_B: write_b(rtc, value); break;
    case REG_C: case REG_D: break;
    default: rtc->cmos[rtc->index] = value;
    }
}

static const struct region_ops ops = { port_read_byte, port_write_byte, 1, 1, false };

void mc146818_set_cmos(struct mc146818 *rtc, unsigned address, uint8_t value)
{
    if (address > REG_D && address < sizeof(rtc->cmos))
        rtc->cmos[address] = value;
}

uint8_t mc146818_get_cmos(const struct mc146818 *rtc, unsigned address)
{
    return address < sizeof(rtc->cmos) ? rtc->cmos[address] : 0;
}

void mc146818_reset(struct mc146818 *rtc)
{
    // RESET leaves the date and rates alone [MC146818A: RESET].
    catch_up(rtc);
    rtc->cmos[REG_B] &= (uint8_t)~(B_PIE | B_AIE | B_UIE | 8);
    rtc->cmos[REG_C] = 0;
    rtc->index = 0;
    plan_periodic(rtc);
    plan_update(rtc);
    irq_set(&rtc->irq, 0);
}

void mc146818_init(struct mc146818 *rtc, struct region *ports, struct clock *clock, struct irq irq)
{
    memset(rtc, 0, sizeof(*rtc));
    rtc->clock = clock;
    rtc->irq = irq;
    rtc->cmos[REG_A] = 0x26; // 32768 Hz, 1024 Hz
    rtc->cmos[REG_B] = B_24H;
    timer_init(&rtc->periodic, clock, periodic_fired, rtc);
    timer_init(&rtc->update, clock, update_fired, rtc);
    rtc->update_second = floor_second(date_ns(rtc));
    region_init_io(&rtc->io, "rtc", &ops, rtc, 2);
    region_add(ports, &rtc->io, 0x70, 0);
}

// ---- state

static const struct state_field mc146818_state_fields[] = {
    STATE_ARRAY(mc146818, cmos), STATE_FIELD(mc146818, index), STATE_FIELD(mc146818, offset_ns),
    STATE_FIELD(mc146818, periodic_next), STATE_FIELD(mc146818, update_second), STATE_TIMER(mc146818, periodic),
    STATE_TIMER(mc146818, update),
};
STATE_TABLE(mc146818_state);
