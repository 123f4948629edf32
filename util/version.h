// SPDX-License-Identifier: MIT
//
// Versions: ours, and the one of QEMU whose interface is kept (clients parse the first number they see).
#pragma once
#define RAMJET_VERSION "0.1.0"
#define RAMJET_QEMU_VERSION "10.0.0"
