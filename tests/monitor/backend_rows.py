# SPDX-License-Identifier: MIT
"""What is refused when a memory backend is made, and with which words: for the human monitor, the command line and QMP alike.

Each row: options after the type name (or all of them), the key phrase that QEMU has, too; on the command line another phrase if
it differs there. {d} is the directory that prepare() fills. AS_QEMU rows hold for QEMU 10 as they are; OURS are messages of our own,
or rows where QEMU accepts, crashes or says less.
"""
import os

RAM, FILE, MEMFD, SHM = ('memory-backend-' + x for x in ('ram', 'file', 'memfd', 'shm'))
NO_DEFAULT = 'host-nodes must be empty for policy default, or you should explicitly specify a policy other than default'
MIB16 = 'id=x,size=16M'

AS_QEMU = (
    (f'{RAM},id=x', "Parameter 'size' is missing", None),
    (f'{RAM},size=16M', "Parameter 'id' is missing", None),
    (f'{FILE},{MIB16}', "Parameter 'mem-path' is missing", None),
    (f'{RAM},id=x,size=0', "property 'size' of memory-backend-ram doesn't take value '0'", None),
    (f'{RAM},id=x,size=1e9', "Parameter 'size' expects", None),
    (f'{RAM},id=x,size=-1', "Parameter 'size' expects", None),
    (f'{RAM},id=x,size=1Q', "Parameter 'size' expects", None),
    (f'{RAM},id=x,size=', "Parameter 'size' expects", None),
    (f'{RAM},id=x,size=1000T', "cannot set up guest memory 'x': Cannot allocate memory", None),
    (f'{RAM},{MIB16},bogus=1', "Parameter 'bogus' is unexpected", "Invalid parameter 'bogus'"),
    (f'{RAM},{MIB16},mem-path=/tmp', "Parameter 'mem-path' is unexpected", "Invalid parameter 'mem-path'"),
    ('memory-backend-bogus,id=x', "Parameter 'qom-type' does not accept value 'memory-backend-bogus'", None),
    ('bogus,id=x', "Parameter 'qom-type' does not accept value 'bogus'", None),
    (MIB16, "Parameter 'qom-type' is missing", None),
    (f'{RAM},id=9x,size=16M', "Parameter 'id' expects an identifier", None),
    (f'{RAM},id=,size=16M', "Parameter 'id' expects an identifier", None),
    (f'{FILE},{MIB16},mem-path={{d}}/nosuch/x', "can't open backing store {d}/nosuch/x for guest RAM: No such file or directory", None),
    (f'{FILE},{MIB16},mem-path=', "can't open backing store  for guest RAM: No such file or directory", None),
    (f'{FILE},{MIB16},mem-path={{d}}/nosuch,readonly=on', "can't open backing store {d}/nosuch for guest RAM: No such file or directory", None),
    (f'{FILE},{MIB16},mem-path={{d}},readonly=on', "can't open backing store {d} for guest RAM: Is a directory", None),
    (f'{FILE},id=x,size=128M,mem-path={{d}}/short',
     "x backing store size 0x1000 is too small for 'size' option 0x8000000 plus 'offset' option 0x0", None),
    (f'{FILE},{MIB16},mem-path={{d}}/f16,offset=4096',
     "x backing store size 0x1000000 is too small for 'size' option 0x1000000 plus 'offset' option 0x1000", None),
    (f'{FILE},id=x,size=4M,mem-path={{d}}/f16,offset=100', 'offset 0x64 must be multiples of page size 0x1000', None),
    (f'{FILE},id=x,size=4097,mem-path={{d}}/f16', "backend 'memory-backend-file' memory size must be multiple of 4 KiB", None),
    (f'{FILE},id=x,size=100,mem-path={{d}}/f16', "backend 'memory-backend-file' memory size must be multiple of 4 KiB", None),
    (f'{FILE},{MIB16},mem-path=/dev/null', 'unable to map backing store for guest RAM: No such device', None),
    (f'{FILE},{MIB16},mem-path=/proc/self/comm', 'unable to map backing store for guest RAM: ', None),
    (f'{FILE},{MIB16},mem-path={{d}}/f16,align=3M', 'alignment 0x300000 must be a power of two', None),
    (f'{FILE},{MIB16},mem-path={{d}}/f16,rom=on', "property 'rom' = 'on' is not supported with 'readonly' = 'off'", None),
    (f'{FILE},{MIB16},mem-path={{d}}/f16,rom=maybe', "Parameter 'rom' does not accept value 'maybe'", None),
    (f'{FILE},{MIB16},mem-path={{d}}/f16,readonly=on,rom=off,share=on',
     "property 'rom' = 'off' is incompatible with 'readonly' = 'on' and 'share' = 'on'", None),
    (f'{RAM},{MIB16},share=maybe', "Parameter 'share' expects 'on' or 'off'", None),
    (f'{RAM},{MIB16},policy=foo', "Parameter 'policy' does not accept value 'foo'", None),
    (f'{RAM},{MIB16},policy=bind', 'host-nodes must be set for policy bind', None),
    (f'{RAM},{MIB16},host-nodes.0=0', NO_DEFAULT, None),
    (f'{RAM},{MIB16},policy=bind,host-nodes.0=127', 'cannot bind memory to host NUMA nodes: ', None),
    (f'{RAM},{MIB16},policy=bind,host-nodes.0=1000', 'Invalid host-nodes value: 1000', None),
    (f'{RAM},{MIB16},prealloc=on,reserve=off', "'prealloc=on' and 'reserve=off' are incompatible", None),
    (f'{RAM},{MIB16},prealloc-threads=0', "property 'prealloc-threads' of memory-backend-ram doesn't take value '0'", None),
    (f'{RAM},{MIB16},prealloc-threads=x', "Parameter 'prealloc-threads' expects", None),
    (f'{MEMFD},{MIB16},hugetlb=on,hugetlbsize=3M', 'Hugepage size must be a power of 2', None),
    (f'{MEMFD},{MIB16},hugetlb=on,hugetlbsize=4M', 'failed to create memfd with flags', None),
    (f'{MEMFD},id=x,size=8T,hugetlb=on', 'unable to map backing store for guest RAM: Cannot allocate memory', None),
    (f'{SHM},{MIB16},share=off', "can't create shm backend with `share=off`", None),
)
OURS = (
    (f'{RAM},{MIB16},host-nodes=0', NO_DEFAULT, None),
    (f'{RAM},{MIB16},policy=bind,host-nodes=0-2,500', 'Invalid host-nodes value: 500', None),
    (f'{RAM},{MIB16},policy=bind,host-nodes=3-1', "Parameter 'host-nodes' expects", None),
    (f'{RAM},{MIB16},policy=bind,host-nodes=0,,x', "Parameter 'host-nodes' expects", None),
    (f'{RAM},{MIB16},policy=bind,host-nodes=-1', "Parameter 'host-nodes' expects", None),
    (f'{RAM},{MIB16},policy=bind,host-nodes=99999999999999999999', 'Invalid host-nodes value: ', None),
    (f'{RAM},{MIB16},policy=interleave,host-nodes=126-127', "host-nodes=126-127, policy=interleave; the host has 0", None),
    (f'{RAM},{MIB16},prealloc-context=c', "property 'prealloc-context' of memory-backend-ram cannot be 'c'", None),
    (f'{RAM},{MIB16},prealloc-threads=1025', "Parameter 'prealloc-threads' expects a number from 1 to 1024", None),
    (f'{RAM},id=x,size=100T,prealloc=on', "preallocating memory for 'x' failed: Cannot allocate memory: 0x640000000000 bytes are needed", None),
    (f'{FILE},{MIB16},mem-path={{d}}/f16,pmem=on', "property 'pmem' of memory-backend-file cannot be 'on'", None),
    (f'{FILE},{MIB16},mem-path={{d}}/fifo', "No such device ('{d}/fifo' is neither a file, a directory nor a block device)", None),
    (f'{FILE},{MIB16},mem-path=/dev/zero', "No such device ('/dev/zero' is a character device)", None),
    (f'{FILE},{MIB16},mem-path={{d}}/short/x', "can't open backing store {d}/short/x for guest RAM: Not a directory", None),
    (f'{FILE},{MIB16},mem-path={{d}}/nosuch/', "can't open backing store {d}/nosuch/ for guest RAM: Is a directory", None),
    (f'{FILE},{MIB16},mem-path={{d}}/empty,readonly=on', 'x backing store size 0x0 is too small', None),
    (f'{FILE},id=x,size=16M,mem-path={{d}}/f16,offset=8E', "is more than a file can have", None),
    (f'{FILE},id=x,size=4E,mem-path={{d}}/new,share=on', '{d}/new', None),
    (f'{FILE},id=x,size=4E,mem-path={{d}}/empty,share=on', '{d}/empty', None),
    (f'{FILE},id=x,size=1000T,mem-path={{d}},share=on', '{d}', None),
    (f'{FILE},id=x,size=100T,mem-path={{d}}/new,share=off,prealloc=on', "x", None),
    (f'{MEMFD},{MIB16},hugetlb=on,hugetlbsize=4M', 'Sizes of huge pages on this host: ', None),
    (f'{MEMFD},id=x,size=1M,hugetlb=on', 'memory size 0x100000 must be equal to or larger than page size 0x200000', None),
    (f'{MEMFD},id=x,size=3M,hugetlb=on', "backend 'memory-backend-memfd' memory size must be multiple of 2 MiB", None),
    (f'{MEMFD},{MIB16},hugetlb=on,hugetlbsize=0', "doesn't take value '0'", None),
    (f'{MEMFD},id=x,size=8T,hugetlb=on', 'need 4194304 huge pages of 2 MiB, the host has ', None),
    (f'{RAM},id=x,size=1000T', '1000 TiB are asked for, the host has ', None),
    (f'{RAM},{MIB16},shar=on', "Did you mean 'share'?", None),
    ('memory-backend-rma,id=x', "Did you mean 'memory-backend-ram'?", None),
)


def prepare(d):
    """The files that rows name."""
    for name, size in (('f16', 16 << 20), ('short', 4096), ('empty', 0)):
        with open(f'{d}/{name}', 'wb') as f:
            f.truncate(size)
    os.mkfifo(d + '/fifo')
