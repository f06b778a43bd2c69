"""The life of a rule, per symbol, in the time of the tape.

    INACTIVE --met--> PENDING --held--> ACTIVE --clear--> INACTIVE
        |                |  (not met: back)   ^
        |                v                    |
        +--no hold--> COOLING --cooled down---+        (a cooldown from the last alert is still running)

Deadlines (the end of a hold, of a cooldown) come at their exact time, before the rows of that time, cooldowns before
holds. Both queues are first in, first out, because a rule has one length for each: two linked lists over the codes.
"""

from pipeline.kernels import Codes, Counts, Flags, Ints, Times, inline, kernel

__all__ = ["MEMORY_COLUMNS", "every_row", "rule_rows"]

INACTIVE, PENDING, COOLING, ACTIVE = 0, 1, 2, 3
STATE, DUE, COOLED, HOLD_NEXT, HOLD_PREVIOUS, COOL_NEXT, COOL_PREVIOUS, LAST_ROW, TIED_TIME, TIED_ROWS, DOUBT = range(11)
"""Columns of a symbol's memory. LAST_ROW: one more than its last known row of this batch while it waits, 0 if before.
TIED_*: its newest time, and how many rows it has of that time. DOUBT: 1 if what it waits with is in doubt."""
MEMORY_COLUMNS = 11
HOLD, COOL, BUSY, TOUCHED, EVENTS = 0, 2, 4, 5, 6
"""Places in `lists`: head and tail of both queues, how many symbols are not inactive, counts of this batch."""
NEVER = 1 << 62


@inline
def link(memory, lists, queue, k):  # type: ignore[no-untyped-def]
    following = HOLD_NEXT if queue == HOLD else COOL_NEXT
    tail = lists[queue + 1]
    memory[k, following + 1] = tail
    memory[k, following] = 0
    if tail:
        memory[tail, following] = k
    else:
        lists[queue] = k
    lists[queue + 1] = k


@inline
def unlink(memory, lists, queue, k):  # type: ignore[no-untyped-def]
    following = HOLD_NEXT if queue == HOLD else COOL_NEXT
    before, after = memory[k, following + 1], memory[k, following]
    if before:
        memory[before, following] = after
    else:
        lists[queue] = after
    if after:
        memory[after, following + 1] = before
    else:
        lists[queue + 1] = before


@inline
def next_deadline(memory, lists):  # type: ignore[no-untyped-def]
    first = NEVER
    if lists[HOLD]:
        first = memory[lists[HOLD], DUE]
    if lists[COOL] and memory[lists[COOL], COOLED] < first:
        first = memory[lists[COOL], COOLED]
    return first


@inline
def tell(events, lists, time, k, cleared, row, ordinal, doubt):  # type: ignore[no-untyped-def]
    m = lists[EVENTS]
    events[m, 0] = time
    events[m, 1] = k
    events[m, 2] = cleared
    events[m, 3] = row
    events[m, 4] = ordinal
    events[m, 5] = doubt
    lists[EVENTS] = m + 1


@inline
def raise_alert(memory, lists, events, time, k, cooldown, row, ordinal, doubt):  # type: ignore[no-untyped-def]
    if memory[k, STATE] == INACTIVE:
        lists[BUSY] += 1
    memory[k, STATE] = ACTIVE
    tell(events, lists, time, k, 0, row, ordinal, doubt)
    if cooldown > 0:
        memory[k, COOLED] = time + cooldown
        link(memory, lists, COOL, k)


@inline
def meet_deadlines(memory, lists, events, until, cooldown):  # type: ignore[no-untyped-def]
    while True:
        held, cooled = lists[HOLD], lists[COOL]
        hold_due = memory[held, DUE] if held else NEVER
        cool_due = memory[cooled, COOLED] if cooled else NEVER
        if hold_due > until and cool_due > until:
            return
        if hold_due < cool_due:
            unlink(memory, lists, HOLD, held)
            if memory[held, COOLED] > hold_due:
                memory[held, STATE] = COOLING
            else:
                raise_alert(memory, lists, events, hold_due, held, cooldown, memory[held, LAST_ROW] - 1, -1, memory[held, DOUBT])
        else:
            unlink(memory, lists, COOL, cooled)
            if memory[cooled, STATE] == COOLING:
                raise_alert(memory, lists, events, cool_due, cooled, cooldown, memory[cooled, LAST_ROW] - 1, -1, memory[cooled, DOUBT])


@inline
def ordinal_of(time, symbol, memory, i, k):  # type: ignore[no-untyped-def]
    """How many earlier rows of the symbol have the same time; looked up only when an alert needs it."""
    count = 0
    j = i - 1
    while j >= 0 and time[j] == time[i]:
        if symbol[j] == k:
            count += 1
        j -= 1
    if j < 0 and memory[k, TIED_TIME] == time[i]:
        count += memory[k, TIED_ROWS]
    return count


@inline
def count_ties(time, symbol, memory):  # type: ignore[no-untyped-def]
    """Remember the rows of the batch's last time: the next batch may go on with it."""
    i = time.shape[0] - 1
    while i >= 0 and time[i] == time[-1]:
        k = symbol[i]
        if memory[k, TIED_TIME] != time[i]:
            memory[k, TIED_TIME] = time[i]
            memory[k, TIED_ROWS] = 0
        memory[k, TIED_ROWS] += 1
        i -= 1


@kernel
def rule_rows(
    time: Times, symbol: Codes, met: Flags, clear: Flags, known: Flags, marked: bool, marks: Flags, suppress: bool, until: int, hold: int,
    cooldown: int, memory: Counts, lists: Ints, touched: Ints, events: Counts,
) -> None:  # fmt: skip
    """events: time, code, 1 if cleared, row (-1: before this batch), ordinal (-1: a deadline), 1 if in doubt.

    A marked row puts in doubt whatever waits: for good if it is held, else until the next row that is not. With `suppress`
    it ends the wait, and is no row on which anything is known.
    """
    lists[TOUCHED] = 0
    lists[EVENTS] = 0
    deadline = next_deadline(memory, lists)
    for i in range(time.shape[0]):
        t = time[i]
        if t >= deadline:
            meet_deadlines(memory, lists, events, t, cooldown)
            deadline = next_deadline(memory, lists)
        if not met[i] and lists[BUSY] == 0:
            continue
        k = symbol[i]
        state = memory[k, STATE]
        doubt = marked and marks[i]
        sees = known[i] and not (suppress and doubt)
        if k == 0 or (state == INACTIVE and not (met[i] and sees)):
            continue
        if state == ACTIVE:
            if clear[i] and sees:
                memory[k, STATE] = INACTIVE
                lists[BUSY] -= 1
                tell(events, lists, t, k, 1, i, ordinal_of(time, symbol, memory, i, k), doubt)
            continue
        if state == INACTIVE:
            if hold == 0 and memory[k, COOLED] <= t:
                raise_alert(memory, lists, events, t, k, cooldown, i, ordinal_of(time, symbol, memory, i, k), doubt)
                deadline = next_deadline(memory, lists)
                continue
            lists[BUSY] += 1
            memory[k, STATE] = COOLING
            memory[k, DOUBT] = 0
            if hold > 0:
                memory[k, STATE] = PENDING
                memory[k, DUE] = t + hold
                link(memory, lists, HOLD, k)
                deadline = next_deadline(memory, lists)
        elif (sees and not met[i]) or (suppress and doubt):
            if state == PENDING:
                unlink(memory, lists, HOLD, k)
                deadline = next_deadline(memory, lists)
            memory[k, STATE] = INACTIVE
            lists[BUSY] -= 1
            continue
        if doubt:
            memory[k, DOUBT] = 1
        elif hold == 0 and sees:
            memory[k, DOUBT] = 0
        if sees:
            if memory[k, LAST_ROW] == 0:
                touched[lists[TOUCHED]] = k
                lists[TOUCHED] += 1
            memory[k, LAST_ROW] = i + 1
    meet_deadlines(memory, lists, events, until, cooldown)
    if time.shape[0]:
        count_ties(time, symbol, memory)


@kernel
def every_row(time: Times, symbol: Codes, hits: Times, cooldown: int, memory: Counts, lists: Ints, events: Counts) -> None:
    """One event for each of the rows `hits`, which meet the condition, at most one in a cooldown."""
    lists[EVENTS] = 0
    for i in hits:
        k = symbol[i]
        if k > 0 and memory[k, COOLED] <= time[i]:
            memory[k, COOLED] = time[i] + cooldown
            tell(events, lists, time[i], k, 0, i, ordinal_of(time, symbol, memory, i, k), 0)
    if time.shape[0]:
        count_ties(time, symbol, memory)
