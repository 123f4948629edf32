// SPDX-License-Identifier: MIT
//
// guestbench: fixed-work kernels for a CPU emulator, from hot integer loops to fork and page faults.
//
// Each prints "BEGIN name" and "END name checksum": whoever reads the output times the lines on the
// host's clock, so a guest whose own clock runs fast or slow changes nothing. The checksum must be
// the same natively and under every emulator. `guestbench sub` runs the kernels whose name holds sub;
// `guestbench sub n` does an n-th of the work (other checksums), for interpreters.
//
// int.* br.*  compiled integer code, indirect jumps and calls     mem.*  TLB reach, bulk copies
// fp.* simd.* SSE scalar and packed, libm, x87                     os.*   the kernel's fast paths
// smc.*       code that is rewritten and run again
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static int work = 1; // divisor of the work
#define W(n) ((n) / work > 0 ? (n) / work : 1)
static uint64_t rs = 88172645463325252ull;
static inline uint64_t rnd(void) {
  rs ^= rs << 13;
  rs ^= rs >> 7;
  rs ^= rs << 17;
  return rs;
}
// ---- integer
static uint32_t K[64];
static void sha_init(void) {
  for (int i = 0; i < 64; i++) {
    K[i] = (uint32_t)(fabs(sin(i + 1.0)) * 4294967296.0);
  }
}
#define RR(x, n) (((x) >> (n)) | ((x) << (32 - (n))))
static void sha_block(uint32_t h[8], const uint8_t *p) {
  uint32_t w[64];
  for (int i = 0; i < 16; i++)
    w[i] = __builtin_bswap32(((uint32_t *)p)[i]);
  for (int i = 16; i < 64; i++) {
    uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (RR(a, 7) ^ RR(a, 18) ^ (a >> 3)) + w[i - 7] +
           (RR(b, 17) ^ RR(b, 19) ^ (b >> 10));
  }
  uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6],
           q = h[7];
  for (int i = 0; i < 64; i++) {
    uint32_t t1 = q + (RR(e, 6) ^ RR(e, 11) ^ RR(e, 25)) +
                  ((e & f) ^ (~e & g)) + K[i] + w[i],
             t2 = (RR(a, 2) ^ RR(a, 13) ^ RR(a, 22)) +
                  ((a & b) ^ (a & c) ^ (b & c));
    q = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  h[0] += a;
  h[1] += b;
  h[2] += c;
  h[3] += d;
  h[4] += e;
  h[5] += f;
  h[6] += g;
  h[7] += q;
}
static uint64_t b_sha(void) {
  static uint8_t buf[65536];
  for (int i = 0; i < 65536; i++)
    buf[i] = i * 7;
  uint32_t h[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (int r = 0; r < W(300); r++)
    for (int i = 0; i < 65536; i += 64)
      sha_block(h, buf + i);
  return h[0];
}
static int cmp(const void *a, const void *b) {
  uint32_t x = *(uint32_t *)a, y = *(uint32_t *)b;
  return x < y ? -1 : x > y;
}
static uint64_t b_qsort(void) {
  enum { N = 600000 };
  static uint32_t a[N];
  uint64_t s = 0;
  for (int r = 0; r < 2; r++) {
    for (int i = 0; i < N; i++)
      a[i] = rnd();
    qsort(a, W(N), 4, cmp);
    s += a[W(N) / 2];
  }
  return s;
}
static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static uint64_t b_fib(void) { return fib(work > 1 ? 25 : 36); }
static uint64_t b_crc(void) {
  static uint32_t T[256];
  for (int i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++)
      c = c & 1 ? 0xedb88320 ^ (c >> 1) : c >> 1;
    T[i] = c;
  }
  static uint8_t b[1 << 20];
  for (int i = 0; i < 1 << 20; i++)
    b[i] = i * 31;
  uint32_t c = ~0u;
  for (int r = 0; r < W(60); r++)
    for (int i = 0; i < 1 << 20; i++)
      c = T[(c ^ b[i]) & 255] ^ (c >> 8);
  return c;
}
static uint64_t b_sieve(void) {
  enum { N = 4000000 };
  static uint8_t s[N];
  uint64_t n = 0;
  for (int r = 0; r < W(5); r++) {
    memset(s, 1, N);
    for (int i = 2; i < N; i++)
      if (s[i]) {
        n++;
        for (long j = (long)i * i; j < N; j += i)
          s[j] = 0;
      }
  }
  return n;
}
// bytecode VM with an indirect jump per op
static uint64_t b_vm(void) {
  static const uint8_t prog[] = {0, 1, 2, 3, 4, 1, 2, 0, 5, 3, 1, 6};
  static void *L[] = {&&o0, &&o1, &&o2, &&o3, &&o4, &&o5, &&o6};
  uint64_t a = 1, b = 2, c = 0, n = W(9000000);
  const uint8_t *p = prog;
#define NX goto *L[*p++]
  NX;
o0:
  a += b;
  NX;
o1:
  b ^= a >> 3;
  NX;
o2:
  c += a * 3;
  NX;
o3:
  a = (a << 1) | (a >> 63);
  NX;
o4:
  b -= c;
  NX;
o5:
  c ^= b;
  NX;
o6:
  if (--n) {
    p = prog;
    NX;
  }
  return a + b + c;
}
// virtual calls
typedef uint64_t (*fn)(uint64_t);
#define F(n, e)                                                                \
  __attribute__((noinline)) static uint64_t n(uint64_t x) { return e; }
F(f0, x * 3 + 1)
F(f1, x ^ (x >> 7)) F(f2, x + 0x9e37) F(f3, (x << 5) - x) static uint64_t
    b_icall(void) {
  static fn t[4] = {f0, f1, f2, f3};
  uint64_t x = 1;
  for (int i = 0; i < W(40000000); i++)
    x = ((fn volatile *)t)[(x >> 3 ^ i) & 3](x + i);
  return x;
}
static uint64_t b_chase(void) {
  enum { N = 1 << 21 };
  static uint32_t *nx;
  if (!nx) {
    nx = malloc(N * 4l);
    for (int i = 0; i < N; i++)
      nx[i] = i;
    for (int i = N - 1; i > 0; i--) {
      int j = rnd() % i;
      uint32_t t = nx[i];
      nx[i] = nx[j];
      nx[j] = t;
    }
  }
  uint32_t p = 0;
  for (int i = 0; i < W(6000000); i++)
    p = nx[p];
  return p;
}
static uint64_t b_memcpy(void) {
  static char a[1 << 22], b[1 << 22];
  for (int i = 0; i < W(150); i++) {
    memcpy(a, b, 1 << 22);
    b[i] = a[i + 1] + 1;
  }
  return a[77];
}
static uint64_t b_strops(void) {
  static char s[4096];
  memset(s, 'a', 4095);
  uint64_t n = 0;
  for (int i = 0; i < W(360000); i++) {
    s[i % 4000] = 'b';
    n += strlen(s) + (strchr(s, 'b') - s) + (memcmp(s, s + 64, 512) > 0);
    s[i % 4000] = 'a';
  }
  return n;
}
static uint64_t b_mul128(void) {
  unsigned __int128 a = 0x123456789abcdefull;
  uint64_t s = 1;
  for (int i = 0; i < W(40000000); i++) {
    a = (unsigned __int128)((uint64_t)a ^ 0x9e3779b97f4a7c15ull) * (s | 1) + i;
    s = (uint64_t)(a >> 64) ^ (s + i);
  }
  return s;
}
static uint64_t b_div(void) {
  uint64_t s = 0;
  for (uint64_t i = 1; i < W(15000000); i++)
    s += (0xfffffffffffull + s) / (i | 1) + (s % (i | 3));
  return s;
}
// ---- fp
static uint64_t b_mandel(void) {
  int n = 0;
  for (int y = 0; y < W(480); y++)
    for (int x = 0; x < 320; x++) {
      double cr = x / 160.0 - 1.5, ci = y / 160.0 - 1, zr = 0, zi = 0;
      int i = 0;
      for (; i < 200 && zr * zr + zi * zi < 4; i++) {
        double t = zr * zr - zi * zi + cr;
        zi = 2 * zr * zi + ci;
        zr = t;
      }
      n += i;
    }
  return n;
}
static uint64_t b_nbody(void) {
  double p[5][3], v[5][3], m[5];
  for (int i = 0; i < 5; i++) {
    m[i] = 1 + i;
    for (int k = 0; k < 3; k++) {
      p[i][k] = i * 1.3 + k;
      v[i][k] = 0.01 * i * k;
    }
  }
  for (int s = 0; s < W(450000); s++) {
    for (int i = 0; i < 5; i++)
      for (int j = i + 1; j < 5; j++) {
        double d[3], r = 0.01;
        for (int k = 0; k < 3; k++) {
          d[k] = p[i][k] - p[j][k];
          r += d[k] * d[k];
        }
        double g = 0.001 / (r * sqrt(r));
        for (int k = 0; k < 3; k++) {
          v[i][k] -= d[k] * m[j] * g;
          v[j][k] += d[k] * m[i] * g;
        }
      }
    for (int i = 0; i < 5; i++)
      for (int k = 0; k < 3; k++)
        p[i][k] += 0.001 * v[i][k];
  }
  return (uint64_t)(int64_t)(p[0][0] * 1e9);
}
static uint64_t b_matmul(void) {
  enum { N = 192 };
  static float a[N][N], b[N][N], c[N][N];
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      a[i][j] = i * 0.5f + j;
      b[i][j] = i - j * 0.25f;
      c[i][j] = 0;
    }
  for (int r = 0; r < W(16); r++)
    for (int i = 0; i < N; i++)
      for (int k = 0; k < N; k++) {
        float x = a[i][k];
        for (int j = 0; j < N; j++)
          c[i][j] += x * b[k][j];
      }
  return (uint64_t)c[5][7];
}
static uint64_t b_libm(void) {
  double s = 0;
  for (int i = 1; i < W(1000000); i++) {
    double x = i * 1e-3;
    s += sin(x) + exp(-x * 1e-3) + log(x) + pow(x, 0.3);
  }
  return (uint64_t)(s * 1e6);
}
static uint64_t b_x87(void) {
  volatile long double a = 1.0L;
  long double s = 0;
  for (int i = 1; i < W(5000000); i++) {
    a = a * 1.0000001L + 1.0L / i;
    s += a;
  }
  return (uint64_t)s;
}
static uint64_t b_simdint(void) {
  typedef int v4 __attribute__((vector_size(16)));
  static v4 a[4096], b[4096];
  for (int i = 0; i < 4096; i++) {
    a[i] = (v4){i, i + 1, i + 2, i + 3};
    b[i] = a[i] * 3;
  }
  v4 s = {0};
  for (int r = 0; r < W(9000); r++)
    for (int i = 0; i < 4096; i++) {
      v4 m = a[i] > b[i];
      s += (a[i] & m) | (b[i] & ~m);
      a[i] ^= s >> 3;
    }
  return (uint64_t)s[0];
}
// ---- os
static uint64_t b_syscall(void) {
  uint64_t s = 0;
  for (int i = 0; i < W(400000); i++)
    s += syscall(SYS_getppid) >= 0;
  return s;
}
static uint64_t b_fork(void) {
  for (int i = 0; i < W(250); i++) {
    pid_t p = fork();
    if (!p)
      _exit(0);
    waitpid(p, 0, 0);
  }
  return 1;
}
static uint64_t b_pipe(void) {
  int a[2], b[2];
  if (pipe(a) || pipe(b))
    return 0;
  char c = 1;
  pid_t p = fork();
  if (!p) {
    for (int i = 0; i < W(30000); i++) {
      if (read(a[0], &c, 1) != 1)
        _exit(1);
      if (write(b[1], &c, 1) != 1)
        _exit(1);
    }
    _exit(0);
  }
  for (int i = 0; i < W(30000); i++) {
    if (write(a[1], &c, 1) != 1)
      break;
    if (read(b[0], &c, 1) != 1)
      break;
  }
  waitpid(p, 0, 0);
  return c;
}
static uint64_t b_fault(void) {
  for (int r = 0; r < W(12); r++) {
    size_t n = 16 << 20;
    char *p = mmap(0, n, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < n; i += 4096)
      p[i] = 1;
    munmap(p, n);
  }
  return 1;
}
static uint64_t b_exec(void) {
  for (int i = 0; i < W(60); i++) {
    pid_t p = fork();
    if (!p) {
      execl("/proc/self/exe", "gb", "nop", NULL);
      execl("/bin/gb", "gb", "nop", NULL);
      _exit(1);
    }
    waitpid(p, 0, 0);
  }
  return 1;
}
// self-modifying / JIT-like: write code, run, rewrite
static uint64_t b_smc(void) {
  uint8_t *p = mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint64_t s = 0;
  for (int i = 0; i < W(60000); i++) {
    p[0] = 0xb8;
    *(uint32_t *)(p + 1) = i;
    p[5] = 0xc3;
    s += ((uint32_t(*)(void))p)();
  }
  return s;
}
static const struct {
  const char *n;
  uint64_t (*f)(void);
} B[] = {{"int.sha256", b_sha},     {"int.qsort", b_qsort},
         {"int.fib", b_fib},        {"int.crc", b_crc},
         {"int.sieve", b_sieve},    {"int.mul128", b_mul128},
         {"int.div", b_div},        {"br.vm", b_vm},
         {"br.icall", b_icall},     {"mem.chase", b_chase},
         {"mem.memcpy", b_memcpy},  {"mem.strops", b_strops},
         {"fp.mandel", b_mandel},   {"fp.nbody", b_nbody},
         {"fp.matmul", b_matmul},   {"fp.libm", b_libm},
         {"fp.x87", b_x87},         {"simd.int", b_simdint},
         {"os.syscall", b_syscall}, {"os.fork", b_fork},
         {"os.pipe", b_pipe},       {"os.fault", b_fault},
         {"os.exec", b_exec},       {"smc.jit", b_smc}};
int main(int c, char **v) {
  if (c > 1 && !strcmp(v[1], "nop"))
    return 0;
  if (c > 2)
    work = atoi(v[2]) > 1 ? atoi(v[2]) : 1;
  sha_init();
  setvbuf(stdout, 0, _IOLBF, 0);
  for (unsigned i = 0; i < sizeof B / sizeof *B; i++) {
    if (c > 1 && !strstr(B[i].n, v[1]))
      continue;
    struct timespec t0, t1;
    printf("BEGIN %s\n", B[i].n);
    clock_gettime(CLOCK_MONOTONIC, &t0);
    uint64_t r = B[i].f();
    clock_gettime(CLOCK_MONOTONIC, &t1);
    printf("END %s %016lx guest_ms=%.1f\n", B[i].n, (unsigned long)r,
           (t1.tv_sec - t0.tv_sec) * 1e3 + (t1.tv_nsec - t0.tv_nsec) / 1e6);
  }
  puts("ALLDONE");
  return 0;
}
