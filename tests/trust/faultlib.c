/* Stands between a process and the C library (LD_PRELOAD), counts the calls that change files below one folder, and
 * makes the one that it is told to go wrong: fail with an error, write less than asked, or kill the process.
 *
 * Calls that the C library makes inside itself (stdio) do not pass by here. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE, OPEN, SYNC, RENAME, REMOVE, MKDIR, CHANGE };
enum action { NONE, FAIL, SHORT, KILL_BEFORE, KILL_AFTER, KILL_HALFWAY, QUOTA };

static const char *const names[] = {"write", "open", "sync", "rename", "remove", "mkdir", "change"};
static char below[PATH_MAX];
static size_t below_length = 0;
static enum action what = NONE;
static int with_errno = 0;
static int for_good = 0;
static long at = -1;
static long quota_bytes = 0;
static int log_to = -1;
static atomic_long counted = 0;
static atomic_long written = 0;

/* Called by the process itself once it is about to begin: only from then on anything is counted. */
void fault_arm(const char *folder, int action, int error, long number, int sticky, long quota, int log_descriptor) {
  snprintf(below, sizeof below, "%s", folder);
  what = (enum action)action;
  with_errno = error;
  at = number;
  for_good = sticky;
  quota_bytes = quota;
  log_to = log_descriptor;
  counted = 0;
  written = 0;
  below_length = strlen(below);
}

long fault_calls(void) { return counted; }

static int is_below(const char *path) {
  return below_length > 0 && strncmp(path, below, below_length) == 0 &&
         (path[below_length] == '/' || path[below_length] == 0 || path[below_length] == ' ');
}

static const char *path_of(int descriptor, char *into) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, into, PATH_MAX - 1);
  into[length > 0 ? length : 0] = 0;
  return into;
}

/* The path that a name means: of its folder links are followed, of itself not. */
static const char *path_at(int folder, const char *name, char *into) {
  char whole[2 * PATH_MAX], base[PATH_MAX];
  if (name == NULL) return strcpy(into, "");
  if (name[0] == '/') {
    snprintf(whole, sizeof whole, "%s", name);
  } else {
    if (folder == AT_FDCWD) {
      if (getcwd(base, sizeof base) == NULL) return strcpy(into, "");
    } else {
      path_of(folder, base);
    }
    snprintf(whole, sizeof whole, "%s/%s", base, name);
  }
  size_t length = strlen(whole);
  while (length > 1 && whole[length - 1] == '/') whole[--length] = 0;
  char *slash = strrchr(whole, '/');
  if (slash == NULL || slash == whole) return strncpy(into, whole, PATH_MAX - 1);
  *slash = 0;
  char resolved[PATH_MAX];
  if (realpath(whole, resolved) == NULL) snprintf(resolved, sizeof resolved, "%.*s", PATH_MAX - 1, whole);
  snprintf(into, PATH_MAX, "%.*s/%.*s", PATH_MAX / 2, resolved, PATH_MAX / 2 - 2, slash + 1);
  return into;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* Whether an error that stays concerns a kind of call: a full disk still lets go of files. */
static int stays_for(enum kind kind) {
  if (!for_good) return 0;
  if (with_errno == ENOSPC) return kind == WRITE || kind == OPEN || kind == MKDIR || kind == SYNC;
  return 1;
}

/* What is to become of a call: counts it where it concerns us. */
static enum action fate(enum kind kind, const char *path) {
  if (!is_below(path)) return NONE;
  long number = atomic_fetch_add(&counted, 1);
  if (log_to >= 0) {
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%s %s\n", names[kind], path);
    syscall(SYS_write, log_to, line, (size_t)length);
  }
  if (what == QUOTA) return QUOTA;
  if (number == at) {
    if (what == KILL_BEFORE) die();
    return what;
  }
  if (what == FAIL && at >= 0 && number > at && stays_for(kind)) return FAIL;
  return NONE;
}

static int failed(void) {
  errno = with_errno;
  return -1;
}

static void afterwards(enum action action) {
  if (action == KILL_AFTER || action == KILL_HALFWAY) die();
}

#define REAL(type, name, ...)                                        \
  static type (*real)(__VA_ARGS__) = NULL;                           \
  if (real == NULL) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* ---- data ---- */

/* Returns how much of `size` bytes may be written; -1 for none, with errno set. */
static ssize_t allowed(enum action action, size_t size) {
  if (action == FAIL) return failed();
  if (action == SHORT || action == KILL_HALFWAY) return (ssize_t)(size > 1 ? size / 2 : size);
  if (action == QUOTA) {
    long left = quota_bytes - atomic_load(&written);
    if (left <= 0 && size > 0) {
      errno = ENOSPC;
      return -1;
    }
    if ((long)size > left) size = (size_t)left;
    atomic_fetch_add(&written, (long)size);
  }
  return (ssize_t)size;
}

ssize_t write(int descriptor, const void *data, size_t size) {
  REAL(ssize_t, "write", int, const void *, size_t);
  if (below_length == 0) return real(descriptor, data, size);
  char path[PATH_MAX];
  enum action action = fate(WRITE, path_of(descriptor, path));
  ssize_t some = allowed(action, size);
  if (some < 0) return -1;
  ssize_t done = real(descriptor, data, (size_t)some);
  afterwards(action);
  return done;
}

static ssize_t pwrite_any(const char *name, int descriptor, const void *data, size_t size, off_t offset) {
  ssize_t (*real)(int, const void *, size_t, off_t) =
      (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, name);
  if (below_length == 0) return real(descriptor, data, size, offset);
  char path[PATH_MAX];
  enum action action = fate(WRITE, path_of(descriptor, path));
  ssize_t some = allowed(action, size);
  if (some < 0) return -1;
  ssize_t done = real(descriptor, data, (size_t)some, offset);
  afterwards(action);
  return done;
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
  return pwrite_any("pwrite", descriptor, data, size, offset);
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off_t offset) {
  return pwrite_any("pwrite64", descriptor, data, size, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  if (below_length == 0) return real(descriptor, parts, count);
  char path[PATH_MAX];
  path_of(descriptor, path);
  if (!is_below(path)) return real(descriptor, parts, count);
  /* One part is a right answer: callers go on with the rest. */
  return count > 0 ? write(descriptor, parts[0].iov_base, parts[0].iov_len) : 0;
}

/* Callers that copy inside the kernel are told to use write instead, where it is counted. */
ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t size, unsigned flags) {
  REAL(ssize_t, "copy_file_range", int, off_t *, int, off_t *, size_t, unsigned);
  char path[PATH_MAX];
  if (below_length > 0 && is_below(path_of(out, path))) {
    errno = ENOSYS;
    return -1;
  }
  return real(in, in_at, out, out_at, size, flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t size) {
  REAL(ssize_t, "sendfile", int, int, off_t *, size_t);
  char path[PATH_MAX];
  if (below_length > 0 && is_below(path_of(out, path))) {
    errno = EINVAL;
    return -1;
  }
  return real(out, in, offset, size);
}

/* ---- everything else ---- */

#define GUARDED(kind, path, call)              \
  do {                                         \
    enum action action = fate(kind, path);     \
    if (action == FAIL) return failed();       \
    int done = (call);                         \
    afterwards(action);                        \
    return done;                               \
  } while (0)

static int changes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0; }

static int open_any(int folder, const char *name, int flags, mode_t mode) {
  static int (*real)(int, const char *, int, ...) = NULL;
  if (real == NULL) real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
  if (below_length == 0 || !changes(flags)) return real(folder, name, flags, mode);
  char path[PATH_MAX];
  GUARDED(OPEN, path_at(folder, name, path), real(folder, name, flags, mode));
}

#define MODE_OF(flags)                                       \
  mode_t mode = 0;                                           \
  if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) { \
    va_list rest;                                            \
    va_start(rest, flags);                                   \
    mode = va_arg(rest, mode_t);                             \
    va_end(rest);                                            \
  }

int open(const char *name, int flags, ...) { MODE_OF(flags) return open_any(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE_OF(flags) return open_any(AT_FDCWD, name, flags, mode); }
int openat(int folder, const char *name, int flags, ...) { MODE_OF(flags) return open_any(folder, name, flags, mode); }
int openat64(int folder, const char *name, int flags, ...) { MODE_OF(flags) return open_any(folder, name, flags, mode); }

int fsync(int descriptor) {
  REAL(int, "fsync", int);
  char path[PATH_MAX];
  if (below_length == 0) return real(descriptor);
  GUARDED(SYNC, path_of(descriptor, path), real(descriptor));
}

int fdatasync(int descriptor) {
  REAL(int, "fdatasync", int);
  char path[PATH_MAX];
  if (below_length == 0) return real(descriptor);
  GUARDED(SYNC, path_of(descriptor, path), real(descriptor));
}

static int rename_any(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  static int (*real)(int, const char *, int, const char *, unsigned) = NULL;
  if (real == NULL) real = (int (*)(int, const char *, int, const char *, unsigned))dlsym(RTLD_NEXT, "renameat2");
  if (below_length == 0) return real(from_folder, from, to_folder, to, flags);
  char old[PATH_MAX], new[PATH_MAX];
  path_at(from_folder, from, old);
  path_at(to_folder, to, new);
  GUARDED(RENAME, is_below(old) ? old : new, real(from_folder, from, to_folder, to, flags));
}

int rename(const char *from, const char *to) { return rename_any(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return rename_any(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  return rename_any(a, from, b, to, flags);
}

int unlinkat(int folder, const char *name, int flags) {
  REAL(int, "unlinkat", int, const char *, int);
  char path[PATH_MAX];
  if (below_length == 0) return real(folder, name, flags);
  GUARDED(REMOVE, path_at(folder, name, path), real(folder, name, flags));
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int remove(const char *name) {
  int done = unlink(name);
  return done != 0 && errno == EISDIR ? rmdir(name) : done;
}

int mkdirat(int folder, const char *name, mode_t mode) {
  REAL(int, "mkdirat", int, const char *, mode_t);
  char path[PATH_MAX];
  if (below_length == 0) return real(folder, name, mode);
  GUARDED(MKDIR, path_at(folder, name, path), real(folder, name, mode));
}

int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int linkat(int a, const char *from, int b, const char *to, int flags) {
  REAL(int, "linkat", int, const char *, int, const char *, int);
  char old[PATH_MAX], new[PATH_MAX];
  if (below_length == 0) return real(a, from, b, to, flags);
  path_at(a, from, old);
  path_at(b, to, new);
  GUARDED(CHANGE, is_below(old) ? old : new, real(a, from, b, to, flags));
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int symlinkat(const char *text, int folder, const char *name) {
  REAL(int, "symlinkat", const char *, int, const char *);
  char path[PATH_MAX];
  if (below_length == 0) return real(text, folder, name);
  GUARDED(CHANGE, path_at(folder, name, path), real(text, folder, name));
}

int symlink(const char *text, const char *name) { return symlinkat(text, AT_FDCWD, name); }

static int truncate_any(int descriptor, off_t size) {
  static int (*real)(int, off_t) = NULL;
  if (real == NULL) real = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate");
  char path[PATH_MAX];
  if (below_length == 0) return real(descriptor, size);
  GUARDED(CHANGE, path_of(descriptor, path), real(descriptor, size));
}

int ftruncate(int descriptor, off_t size) { return truncate_any(descriptor, size); }
int ftruncate64(int descriptor, off_t size) { return truncate_any(descriptor, size); }

static int allocate_any(int descriptor, off_t offset, off_t size) {
  static int (*real)(int, off_t, off_t) = NULL;
  if (real == NULL) real = (int (*)(int, off_t, off_t))dlsym(RTLD_NEXT, "posix_fallocate");
  char path[PATH_MAX];
  if (below_length == 0 || !is_below(path_of(descriptor, path))) return real(descriptor, offset, size);
  enum action action = fate(CHANGE, path);
  if (action == FAIL) return with_errno; /* This one returns its error. */
  if (action == QUOTA && offset + size > quota_bytes) return ENOSPC;
  int done = real(descriptor, offset, size);
  afterwards(action);
  return done;
}

int posix_fallocate(int descriptor, off_t offset, off_t size) { return allocate_any(descriptor, offset, size); }
int posix_fallocate64(int descriptor, off_t offset, off_t size) { return allocate_any(descriptor, offset, size); }

static int chmod_any(int folder, const char *name, mode_t mode, int flags) {
  static int (*real)(int, const char *, mode_t, int) = NULL;
  if (real == NULL) real = (int (*)(int, const char *, mode_t, int))dlsym(RTLD_NEXT, "fchmodat");
  char path[PATH_MAX];
  if (below_length == 0) return real(folder, name, mode, flags);
  GUARDED(CHANGE, path_at(folder, name, path), real(folder, name, mode, flags));
}

int fchmodat(int folder, const char *name, mode_t mode, int flags) { return chmod_any(folder, name, mode, flags); }
int chmod(const char *name, mode_t mode) { return chmod_any(AT_FDCWD, name, mode, 0); }

int fchmod(int descriptor, mode_t mode) {
  REAL(int, "fchmod", int, mode_t);
  char path[PATH_MAX];
  if (below_length == 0) return real(descriptor, mode);
  GUARDED(CHANGE, path_of(descriptor, path), real(descriptor, mode));
}

int utimensat(int folder, const char *name, const struct timespec times[2], int flags) {
  REAL(int, "utimensat", int, const char *, const struct timespec *, int);
  char path[PATH_MAX];
  if (below_length == 0) return real(folder, name, times, flags);
  GUARDED(CHANGE, path_at(folder, name, path), real(folder, name, times, flags));
}

int futimens(int descriptor, const struct timespec times[2]) {
  REAL(int, "futimens", int, const struct timespec *);
  char path[PATH_MAX];
  if (below_length == 0) return real(descriptor, times);
  GUARDED(CHANGE, path_of(descriptor, path), real(descriptor, times));
}

/* Who calls the kernel without a function of the C library's, as Python does through ctypes. */
long syscall(long number, ...) {
  static long (*real)(long, ...) = NULL;
  if (real == NULL) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  va_list rest;
  va_start(rest, number);
  long a[6];
  for (int i = 0; i < 6; ++i) a[i] = va_arg(rest, long);
  va_end(rest);
#ifdef SYS_renameat2
  if (number == SYS_renameat2)
    return renameat2((int)a[0], (const char *)a[1], (int)a[2], (const char *)a[3], (unsigned)a[4]);
#endif
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
