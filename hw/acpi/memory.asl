// SPDX-License-Identifier: MIT
//
// Memory hotplug, the part that does not depend on the number of slots: register block, scan, and the methods behind
// the PNP0C80 devices, which acpi_tables.c writes one a slot into a table of their own. [docs/hotplug.md]
#include "hw/acpi/pm_values.h"
DefinitionBlock ("memory.aml", "SSDT", 1, "RAMJET", "MEMHP", 1)
{
    External (\_SB.PCI0, DeviceObj)
    External (\_SB.MHPC.MTFY, MethodObj)
    External (\_SB.MHPC.MDNR, IntObj)
    Scope (\_SB.PCI0)
    {
        Device (MHPD)
        {
            Name (_HID, "PNP0A06")
            Name (_UID, "Memory hotplug resources")
            Name (_CRS, ResourceTemplate () { IO (Decode16, MEM_HOTPLUG_BASE, MEM_HOTPLUG_BASE, 0, MEM_HOTPLUG_LENGTH) })
            OperationRegion (HPMR, SystemIO, MEM_HOTPLUG_BASE, MEM_HOTPLUG_LENGTH)
        }
    }
    Scope (\_SB)
    {
        Device (MHPC)
        {
            Name (_HID, "PNP0A06")
            Name (_UID, "DIMM devices")
            Method (_STA) { Return (0x0b) }
            Field (\_SB.PCI0.MHPD.HPMR, DWordAcc, NoLock, Preserve)
            {
                MRBL, 32, // address, low and high
                MRBH, 32,
                MRLL, 32, // size, low and high
                MRLH, 32,
                MPX, 32   // proximity domain
            }
            Field (\_SB.PCI0.MHPD.HPMR, ByteAcc, NoLock, WriteAsZeros)
            {
                Offset (0x14),
                MES, 1,   // enabled
                MINS, 1,  // insert event; 1 clears
                MRMV, 1,  // remove event; 1 clears
                MEJ, 1    // eject
            }
            Field (\_SB.PCI0.MHPD.HPMR, DWordAcc, NoLock, Preserve)
            {
                MSEL, 32, // slot selector
                MOEV, 32, // _OST event
                MOSC, 32  // _OST status; writing it publishes both
            }
            Mutex (MLCK, 0)

            Method (MSCN, 0, Serialized)
            {
                Acquire (MLCK, 0xffff)
                Local0 = Zero
                While (Local0 < MDNR)
                {
                    MSEL = Local0
                    If (MINS == One) { MTFY (Local0, One) MINS = One }
                    ElseIf (MRMV == One) { MTFY (Local0, 3) MRMV = One }
                    Local0++
                }
                Release (MLCK)
            }
            Method (MRST, 1)
            {
                Local0 = Zero
                Acquire (MLCK, 0xffff)
                MSEL = ToInteger (Arg0)
                If (MES == One) { Local0 = 0x0f }
                Release (MLCK)
                Return (Local0)
            }
            Method (MCRS, 1, Serialized)
            {
                Acquire (MLCK, 0xffff)
                MSEL = ToInteger (Arg0)
                Name (MR64, ResourceTemplate ()
                {
                    QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite, 0, 0, 0xfffffffffffffffe, 0,
                                 0xffffffffffffffff, , , MW64, AddressRangeMemory, TypeStatic)
                })
                // The tables are revision 1, integers have 32 bits: halves, with carry.
                CreateDWordField (MR64, 14, MINL)
                CreateDWordField (MR64, 18, MINH)
                CreateDWordField (MR64, 22, MAXL)
                CreateDWordField (MR64, 26, MAXH)
                CreateDWordField (MR64, 38, LENL)
                CreateDWordField (MR64, 42, LENH)
                MINH = MRBH
                MINL = MRBL
                LENH = MRLH
                LENL = MRLL
                MAXL = MINL + LENL
                MAXH = MINH + LENH
                If (MAXL < MINL) { MAXH += One }
                If (MAXL < One) { MAXH -= One }
                MAXL -= One
                If (MAXH == Zero)
                {
                    Name (MR32, ResourceTemplate ()
                    {
                        DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite, 0, 0, 0xfffffffe, 0,
                                     0xffffffff, , , MW32, AddressRangeMemory, TypeStatic)
                    })
                    CreateDWordField (MR32, MW32._MIN, MIN)
                    CreateDWordField (MR32, MW32._MAX, MAX)
                    CreateDWordField (MR32, MW32._LEN, LEN)
                    MIN = MINL
                    MAX = MAXL
                    LEN = LENL
                    Release (MLCK)
                    Return (MR32)
                }
                Release (MLCK)
                Return (MR64)
            }
            Method (MPXM, 1)
            {
                Acquire (MLCK, 0xffff)
                MSEL = ToInteger (Arg0)
                Local0 = MPX
                Release (MLCK)
                Return (Local0)
            }
            Method (MOST, 4)
            {
                Acquire (MLCK, 0xffff)
                MSEL = ToInteger (Arg0)
                MOEV = Arg1
                MOSC = Arg2
                Release (MLCK)
            }
            Method (MEJ0, 2)
            {
                Acquire (MLCK, 0xffff)
                MSEL = ToInteger (Arg0)
                MEJ = One
                Release (MLCK)
            }
        }
    }
    Scope (\_GPE)
    {
        Method (_E03) { \_SB.MHPC.MSCN () }
    }
}
