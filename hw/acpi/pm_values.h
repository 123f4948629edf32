// SPDX-License-Identifier: MIT
//
// Numbers that the power management chip, the FADT and the ASL must agree on. Preprocessor only: ASL includes it, too.
#ifndef RAMJET_HW_ACPI_PM_VALUES_H
#define RAMJET_HW_ACPI_PM_VALUES_H

#define PM_IO_BASE 0x600
#define PM_IO_SIZE 0x40
#define PM_EVT_BLOCK 0x600      /* PM1a_EVT_BLK, 4 bytes: status, enable */
#define PM_CNT_BLOCK 0x604      /* PM1a_CNT_BLK, 2 bytes */
#define PM_TIMER_BLOCK 0x608    /* PM_TMR_BLK, 4 bytes, 24 bits wide */
#define PM_GPE0_BLOCK 0xafe0    /* GPE0_BLK: 2 status, 2 enable */
#define PM_GPE0_LENGTH 4
#define PM_SCI_IRQ 9
#define PM_SMI_PORT 0xb2
#define PM_ACPI_ENABLE 0xf1
#define PM_ACPI_DISABLE 0xf0
#define PM_SLEEP_TYPE_S5 0      /* \_S5 package: 0, 0, 0, 0 */
#define PM_SLEEP_TYPE_S3 1      /* \_S3 package: 1, 1, 0, 0; not offered */
#define PM_GPE_MEMORY 3         /* \_GPE._E03 */
#define MEM_HOTPLUG_BASE 0x0a00
#define MEM_HOTPLUG_LENGTH 0x18

#endif
