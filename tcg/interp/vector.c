// SPDX-License-Identifier: MIT
//
// Vector ops: moves here, arithmetic through the functions of tcg/vec.def's rows. MXCSR is head.mxcsr itself.
#include "tcg/interp/interp.h"

void interp_VMOV(struct run *run, const struct iop *op)
{
    *interp_vector(run, op, 0) = *interp_vector(run, op, 1);
}

void interp_VLDENV(struct run *run, const struct iop *op)
{
    const char *field = run->base[BASE_CPU] + op->imm;
    union vec128 value = { .d = { 0, 0 } };
    value.d[0] = op->size == 2 ? *(const uint32_t *)field : *(const uint64_t *)field;
    if (op->size == 4)
        value.d[1] = ((const uint64_t *)field)[1];
    *interp_vector(run, op, 0) = value;
}

void interp_VSTENV(struct run *run, const struct iop *op)
{
    char *field = run->base[BASE_CPU] + op->imm;
    const union vec128 *value = interp_vector(run, op, 0);
    if (op->size == 2)
        *(uint32_t *)field = (uint32_t)value->d[0];
    else
        *(uint64_t *)field = value->d[0];
    if (op->size == 4)
        ((uint64_t *)field)[1] = value->d[1];
}

// IR_NONE as the first operand (rows that do not look at it) is 0; its place holds only 8 bytes.
static union vec128 source(const struct run *run, const struct iop *op, unsigned k)
{
    union vec128 zero = { .d = { 0, 0 } };
    return op->arg[k] == BASE_CONSTANTS ? zero : *interp_vector(run, op, k);
}

static void apply(struct run *run, const struct iop *op, struct vec_args *args)
{
    args->imm = (uint8_t)op->imm;
    args->mxcsr = run->cpu->mxcsr;
    vec_interp[op->helper](args);
    run->cpu->mxcsr = args->mxcsr;
}

void interp_VOP(struct run *run, const struct iop *op)
{
    struct vec_args args = { .d = source(run, op, 1), .s = source(run, op, 2) };
    apply(run, op, &args);
    *interp_vector(run, op, 0) = args.d;
}

void interp_VFROMG(struct run *run, const struct iop *op)
{
    struct vec_args args = { .d = source(run, op, 1), .g = interp_get(run, op, 2) };
    apply(run, op, &args);
    *interp_vector(run, op, 0) = args.d;
}

void interp_VTOG(struct run *run, const struct iop *op)
{
    struct vec_args args = { .d = source(run, op, 1) };
    apply(run, op, &args);
    interp_put(run, op, 0, 3, args.g);
}

void interp_VCMPG(struct run *run, const struct iop *op)
{
    struct vec_args args = { .d = source(run, op, 1), .s = source(run, op, 2) };
    apply(run, op, &args);
    interp_put(run, op, 0, 3, args.g);
}

void interp_GETMXCSR(struct run *run, const struct iop *op)
{
    interp_put(run, op, 0, 3, run->cpu->mxcsr);
}

void interp_SETMXCSR(struct run *run, const struct iop *op)
{
    run->cpu->mxcsr = (uint32_t)interp_get(run, op, 0);
}
