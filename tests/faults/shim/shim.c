/* Preloaded into the processes of the fault tests, which `FAULTS_..` tell what for:

   FAULTS_JOURNAL  a file to which all that is written below FAULTS_FOLDER is appended, with the syncs, in the order in
                   which it was done: what is left on a disk whose power is cut can be made from it at any moment.
   FAULTS_CLOCK    a file with a number of milliseconds, signed, 8 bytes: so far is the wall clock wrong. It may change.

   A write is noted when it has been done and before whoever did it goes on, a sync when it begins and when it has ended.
   So whatever was done before something else by one process, or by two that told each other, is noted before it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE = 2, SYNC_BEGINS = 3, SYNC_ENDS = 4, UNLINK = 5 };

#define MAGIC 0x4a4c4346u

struct entry {
    uint32_t magic, what;
    uint64_t sync, inode, offset;
    uint32_t path_bytes, data_bytes;
};

static int journal = -1;
static const char *folder;
static size_t folder_bytes;
static const int64_t *clock_ms;
static uint32_t syncs;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);

static void resolve(void) {
    if (real_write)
        return;
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_write = dlsym(RTLD_NEXT, "write");
}

static void fail(const char *what) {
    fprintf(stderr, "shim: %s: %s\n", what, strerror(errno));
    _exit(70);
}

__attribute__((constructor)) static void begin(void) {
    resolve();
    const char *path = getenv("FAULTS_JOURNAL");
    folder = getenv("FAULTS_FOLDER");
    if (path && folder) {
        folder_bytes = strlen(folder);
        journal = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (journal < 0)
            fail(path);
    }
    path = getenv("FAULTS_CLOCK");
    if (path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        void *page = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
        if (page == MAP_FAILED)
            fail(path);
        clock_ms = page;
        close(fd);
    }
}

/* The path behind a descriptor, if what is written to it is noted. The index of the log is not: it is made anew. */
static int is_noted(int fd, char *path, size_t size, struct stat *status) {
    char link[32];
    if (journal < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length < (ssize_t)folder_bytes || memcmp(path, folder, folder_bytes) != 0)
        return 0;
    path[length] = 0;
    if ((length > 4 && strcmp(path + length - 4, "-shm") == 0) || strstr(path, "-locks/") || strstr(path, ".err"))
        return 0;
    return fstat(fd, status) == 0;
}

static void note(uint32_t what, uint64_t sync, uint64_t inode, uint64_t offset, const char *path, const void *data,
                 size_t bytes) {
    struct entry entry = {MAGIC, what, sync, inode, offset, (uint32_t)strlen(path), (uint32_t)bytes};
    struct iovec parts[3] = {{&entry, sizeof entry}, {(void *)path, entry.path_bytes}, {(void *)data, bytes}};
    ssize_t whole = (ssize_t)(sizeof entry + entry.path_bytes + bytes);
    if (writev(journal, parts, 3) != whole)
        fail("the journal cannot be written");
}

static void wrote(int fd, const void *data, ssize_t bytes, int64_t offset) {
    char path[4096];
    struct stat status;
    int before = errno;
    if (bytes > 0 && is_noted(fd, path, sizeof path, &status)) {
        if (offset < 0)
            offset = lseek(fd, 0, SEEK_CUR) - bytes;
        note(WRITE, 0, status.st_ino, (uint64_t)offset, path, data, (size_t)bytes);
    }
    errno = before;
}

ssize_t write(int fd, const void *data, size_t bytes) {
    resolve();
    ssize_t written = real_write(fd, data, bytes);
    wrote(fd, data, written, -1);
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) {
    resolve();
    ssize_t written = real_pwrite(fd, data, bytes, offset);
    wrote(fd, data, written, offset);
    return written;
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) { return pwrite(fd, data, bytes, offset); }

int ftruncate(int fd, off_t length) {
    char path[4096];
    struct stat status;
    resolve();
    int done = real_ftruncate(fd, length);
    int before = errno;
    if (done == 0 && is_noted(fd, path, sizeof path, &status))
        note(TRUNCATE, 0, status.st_ino, (uint64_t)length, path, NULL, 0);
    errno = before;
    return done;
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int sync_with(int (*real)(int), int fd) {
    char path[4096];
    struct stat status;
    int noted = is_noted(fd, path, sizeof path, &status);
    uint64_t sync = (uint64_t)getpid() << 32 | __atomic_add_fetch(&syncs, 1, __ATOMIC_RELAXED);
    if (noted)
        note(SYNC_BEGINS, sync, status.st_ino, 0, path, NULL, 0);
    int done = real(fd);
    int before = errno;
    if (noted && done == 0)
        note(SYNC_ENDS, sync, status.st_ino, 0, path, NULL, 0);
    errno = before;
    return done;
}

int fsync(int fd) {
    resolve();
    return sync_with(real_fsync, fd);
}

int fdatasync(int fd) {
    resolve();
    return sync_with(real_fdatasync, fd);
}

int unlink(const char *path) {
    struct stat status;
    resolve();
    int noted = journal >= 0 && strncmp(path, folder, folder_bytes) == 0 && lstat(path, &status) == 0;
    int done = real_unlink(path);
    int before = errno;
    if (noted && done == 0 && !strstr(path, "-locks/"))
        note(UNLINK, 0, status.st_ino, 0, path, NULL, 0);
    errno = before;
    return done;
}

int clock_gettime(clockid_t id, struct timespec *time) {
    long done = syscall(SYS_clock_gettime, id, time);
    if (done == 0 && clock_ms && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        int64_t ms = __atomic_load_n(clock_ms, __ATOMIC_RELAXED);
        int64_t ns = time->tv_nsec + ms % 1000 * 1000000;
        time->tv_sec += ms / 1000 + (ns < 0 ? -1 : ns / 1000000000);
        time->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
    }
    return (int)done;
}
