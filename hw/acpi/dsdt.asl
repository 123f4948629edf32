// SPDX-License-Identifier: MIT
//
// DSDT of the machine `pc`: host bridge and its windows, ISA devices, PCI interrupt routing, soft-off.
// Numbers shared with the chip come from pm_values.h. The memory hotplug part is in memory.asl.
#include "hw/acpi/pm_values.h"
DefinitionBlock ("dsdt.aml", "DSDT", 1, "RAMJET", "PC", 1)
{
    Name (\_S5, Package () { PM_SLEEP_TYPE_S5, PM_SLEEP_TYPE_S5, Zero, Zero })
    Name (PICM, Zero)
    Method (\_PIC, 1) { PICM = Arg0 }

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_UID, Zero)
            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0xff, 0, 0x100)
                IO (Decode16, 0x0cf8, 0x0cf8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0, 0x0cf7, 0, 0x0cf8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0x0d00, 0xffff, 0, 0xf300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite, 0, 0x000a0000, 0x000bffff, 0, 0x00020000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0, 0xe0000000, 0xfebfffff, 0, 0x1ec00000)
            })
            // Device n, pin p uses link (n + p - 1) & 3; links A..D.
#define ROUTE(device, a, b, c, d) \
            Package () { device, 0, a, 0 }, Package () { device, 1, b, 0 }, Package () { device, 2, c, 0 }, Package () { device, 3, d, 0 },
#define FOUR(base0, base1, base2, base3) \
            ROUTE (base0, LNKD, LNKA, LNKB, LNKC) ROUTE (base1, LNKA, LNKB, LNKC, LNKD) \
            ROUTE (base2, LNKB, LNKC, LNKD, LNKA) ROUTE (base3, LNKC, LNKD, LNKA, LNKB)
            Name (_PRT, Package ()
            {
                FOUR (0x0000ffff, 0x0001ffff, 0x0002ffff, 0x0003ffff)
                FOUR (0x0004ffff, 0x0005ffff, 0x0006ffff, 0x0007ffff)
                FOUR (0x0008ffff, 0x0009ffff, 0x000affff, 0x000bffff)
                FOUR (0x000cffff, 0x000dffff, 0x000effff, 0x000fffff)
                FOUR (0x0010ffff, 0x0011ffff, 0x0012ffff, 0x0013ffff)
                FOUR (0x0014ffff, 0x0015ffff, 0x0016ffff, 0x0017ffff)
                FOUR (0x0018ffff, 0x0019ffff, 0x001affff, 0x001bffff)
                FOUR (0x001cffff, 0x001dffff, 0x001effff, 0x001fffff)
            })
            Device (ISA)
            {
                Name (_ADR, 0x00010000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 4)
                Field (PIRQ, ByteAcc, NoLock, Preserve) { PRQ0, 8, PRQ1, 8, PRQ2, 8, PRQ3, 8 }
                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate () { IO (Decode16, 0x70, 0x70, 1, 8) IRQNoFlags () { 8 } })
                }
                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x60, 0x60, 1, 1)
                        IO (Decode16, 0x64, 0x64, 1, 1)
                        IRQNoFlags () { 1 }
                    })
                }
                // There or not is seen at the port: nothing answers with all ones.
                Device (PEVT)
                {
                    Name (_HID, "QEMU0001")
                    OperationRegion (PEOR, SystemIO, 0x0505, 1)
                    Field (PEOR, ByteAcc, NoLock, Preserve) { PEPT, 8 }
                    Method (_STA) { If (PEPT == 0xff) { Return (Zero) } Return (0x0f) }
                    Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0505, 0x0505, 1, 1) })
                }
                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    Name (_CRS, ResourceTemplate () { IRQNoFlags () { 12 } })
                }
            }
        }
        // A PIRQ register: bit 7 off, bits 3:0 the ISA interrupt.
        Name (PRSB, ResourceTemplate () { Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 5, 10, 11 } })
        Method (PSTA, 1) { If (Arg0 & 0x80) { Return (9) } Return (11) }
        Name (CRSB, ResourceTemplate () { Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 0 } })
        Method (PCRS, 1, Serialized)
        {
            CreateDWordField (CRSB, 5, IRQN)
            If (Arg0 & 0x80) { IRQN = Zero } Else { IRQN = Arg0 }
            Return (CRSB)
        }
#define LINK(name, uid, register) \
        Device (name) \
        { \
            Name (_HID, EisaId ("PNP0C0F")) \
            Name (_UID, uid) \
            Method (_STA) { Return (PSTA (\_SB.PCI0.ISA.register)) } \
            Method (_DIS) { \_SB.PCI0.ISA.register |= 0x80 } \
            Method (_CRS) { Return (PCRS (\_SB.PCI0.ISA.register)) } \
            Method (_PRS) { Return (PRSB) } \
            Method (_SRS, 1) { CreateDWordField (Arg0, 5, IRQN) \_SB.PCI0.ISA.register = IRQN } \
        }
        LINK (LNKA, 0, PRQ0)
        LINK (LNKB, 1, PRQ1)
        LINK (LNKC, 2, PRQ2)
        LINK (LNKD, 3, PRQ3)
    }
}
