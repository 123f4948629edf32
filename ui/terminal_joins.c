// SPDX-License-Identifier: MIT
//
// Which rows of a terminal continue the row above because text ran over its end, so that they become one line again when there is
// room. libvterm (0.1) does not say, but shows it: inside a run of text it reports each character's cell at once and the cursor only
// at the end of the run. A character in column 0 that follows one at the end of the row above, without a move of the cursor
// between them, was broken there; any control that leads to column 0 is a move.
#include <stdlib.h>
#include <string.h>
#include "ui/terminal.h"

void joins_resize(struct terminal *t, int rows)
{
    for (int i = 0; i < 2; i++) {
        free(t->row_joined[i]);
        t->row_joined[i] = calloc((size_t)rows, sizeof *t->row_joined[i]);
    }
    t->last_row = -1;
    t->pushed = 0;
}

// Its first character; 0: nothing was ever written there, or it was erased.
static uint32_t code_at(const struct terminal *t, int row, int column, int *width)
{
    VTermScreenCell cell;
    if (!vterm_screen_get_cell(t->screen, (VTermPos){ row, column }, &cell))
        return 0;
    *width = cell.width;
    return cell.chars[0];
}

void joins_damage(struct terminal *t, VTermRect r)
{
    bool *joined = t->row_joined[t->alternate];
    int width = 0;
    if (t->resizing)
        return;
    if (r.end_row == r.start_row + 1 && r.end_col - r.start_col <= 2 && r.start_row >= 0 && r.start_row < t->rows &&
        code_at(t, r.start_row, r.start_col, &width) && width == r.end_col - r.start_col) { // a character
        if (!r.start_col && t->last_row >= 0 && t->last_row == r.start_row - 1 && t->last_end + width > t->columns)
            joined[r.start_row] = true;
        t->last_row = r.start_row;
        t->last_start = r.start_col;
        t->last_end = r.end_col;
        return;
    }
    for (int row = r.start_row < 0 ? 0 : r.start_row; !r.start_col && row < r.end_row && row < t->rows; row++)
        if (!code_at(t, row, 0, &width)) // erased
            joined[row] = false;
}

void joins_move(struct terminal *t, VTermRect to, VTermRect from)
{
    bool *joined = t->row_joined[t->alternate];
    int rows = to.end_row - to.start_row, by = to.start_row - from.start_row;
    t->pushed = 0;
    if (t->resizing || !by || to.start_col || to.end_col != t->columns || rows <= 0)
        return;
    if (to.start_row < 0 || from.start_row < 0 || to.start_row + rows > t->rows || from.start_row + rows > t->rows)
        return;
    memmove(joined + to.start_row, joined + from.start_row, (size_t)rows * sizeof *joined);
    if (to.start_row || by > 0) // else what was above has scrolled out, and is still above
        joined[to.start_row] = false;
    if (to.end_row < t->rows && by > 0)
        joined[to.end_row] = false;
    t->last_row = t->last_row >= from.start_row && t->last_row < from.end_row ? t->last_row + by : -1;
}

void joins_cursor(struct terminal *t, VTermPos to)
{
    bool behind = to.col == t->last_end, waits = to.col == t->last_start && t->last_end == t->columns;
    if (!t->resizing && (to.row != t->last_row || (!behind && !waits)))
        t->last_row = -1;
}

bool terminal_is_joined(const struct terminal *t, uint64_t number)
{
    if (number < t->dropped || number >= terminal_end(t))
        return false;
    uint64_t index = number - t->dropped;
    return index < t->count ? t->lines[(t->first + index) % SCROLL_BACK]->joined : t->row_joined[t->alternate][index - t->count];
}

bool terminal_goes_on(const struct terminal *t, uint64_t number)
{
    struct cell cells[t->columns];
    if (!terminal_is_joined(t, number + 1) || !terminal_line(t, number, cells))
        return false;
    if (cells[t->columns - 1].code || !cells[t->columns - 1].width)
        return true;
    return terminal_line(t, number + 1, cells) && cells[0].width == 2; // which did not fit
}
