# SPDX-License-Identifier: MIT
"""What the demo, the tests and the benchmark share: guests to boot, and a way to drive an emulator."""
