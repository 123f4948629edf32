// SPDX-License-Identifier: MIT
//
// The queue between a PS/2 device and its controller. Machine thread only.
#include "hw/input/ps2_queue.h"

bool ps2_queue_get(struct ps2_queue *queue, uint8_t *byte)
{
    if (!queue->count)
        return false;
    *byte = queue->data[queue->head];
    queue->head = (uint16_t)((queue->head + 1) % sizeof(queue->data));
    queue->count--;
    return true;
}

void ps2_queue_put(struct ps2_queue *queue, uint8_t byte)
{
    if (queue->count < sizeof(queue->data))
        queue->data[(queue->head + queue->count++) % sizeof(queue->data)] = byte;
}

void ps2_queue_clear(struct ps2_queue *queue) { queue->head = queue->count = 0; }

void ps2_queue_tell(struct ps2_queue *queue)
{
    if (queue->changed && queue->count)
        queue->changed(queue->opaque);
}

bool ps2_queue_room(const struct ps2_queue *queue, unsigned bytes)
{
    return queue->count + bytes + PS2_REPLY_ROOM <= sizeof(queue->data);
}

// ---- state

static const struct state_field ps2_queue_state_fields[] = {
    STATE_ARRAY(ps2_queue, data), STATE_FIELD(ps2_queue, head), STATE_FIELD(ps2_queue, count),
};
STATE_TABLE(ps2_queue_state);
