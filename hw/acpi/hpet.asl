// SPDX-License-Identifier: MIT
//
// The HPET's device, a table of its own because the machine can be without it. Numbers: hw/timer/hpet.h.
DefinitionBlock ("hpet.aml", "SSDT", 1, "RAMJET", "HPET", 1)
{
    Scope (\_SB)
    {
        Device (HPET)
        {
            Name (_HID, EisaId ("PNP0103"))
            Name (_UID, Zero)
            Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0xfed00000, 0x00000400) })
        }
    }
}
