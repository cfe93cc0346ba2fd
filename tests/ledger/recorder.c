/* Records what a process writes, syncs, cuts and removes, in order, for a power cut that
 * is simulated. Loaded with LD_PRELOAD; RECORD_TO names the file, RECORD_UNDER the folder.
 * Each record is one head (kind, a name's length, an offset, a length), the name and the bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct head {
    uint32_t kind, name;
    uint64_t offset, size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out = -1;

static ssize_t (*real_write(void))(int, const void *, size_t)
{
    return (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
}

static void note(char kind, const char *name, uint64_t offset, const void *bytes, uint64_t size)
{
    if (out < 0 && getenv("RECORD_TO"))
        out = open(getenv("RECORD_TO"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0)
        return;
    struct head head = {(uint32_t)kind, (uint32_t)strlen(name), offset, bytes ? size : 0};
    if (!bytes)
        head.offset = kind == 'T' ? size : offset;
    real_write()(out, &head, sizeof head);
    real_write()(out, name, head.name);
    if (bytes && size)
        real_write()(out, bytes, size);
}

/* The name of a file below the folder; empty where it lies elsewhere. */
static const char *name_of(int fd, char *path)
{
    const char *folder = getenv("RECORD_UNDER");
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size < 0 || !folder)
        return "";
    path[size] = 0;
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/' ? path + length + 1 : "";
}

static ssize_t positioned(const char *symbol, int fd, const void *bytes, size_t size, off_t offset)
{
    char path[PATH_MAX];
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, symbol);
    pthread_mutex_lock(&lock);
    ssize_t done = real(fd, bytes, size, offset);
    const char *name = name_of(fd, path);
    if (done > 0 && *name)
        note('W', name, (uint64_t)offset, bytes, (uint64_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return positioned("pwrite", fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    return positioned("pwrite64", fd, bytes, size, offset);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    char path[PATH_MAX];
    pthread_mutex_lock(&lock);
    const char *name = fd == 1 ? "" : name_of(fd, path);
    if (fd == 1)
        note('A', "", 0, bytes, size); /* before anybody reads it: an acknowledgement */
    off_t at = *name ? lseek(fd, 0, SEEK_CUR) : 0;
    if (*name && (fcntl(fd, F_GETFL) & O_APPEND))
        at = lseek(fd, 0, SEEK_END);
    ssize_t done = real_write()(fd, bytes, size);
    if (done > 0 && *name)
        note('W', name, (uint64_t)at, bytes, (uint64_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

static int synced(const char *symbol, int fd)
{
    char path[PATH_MAX];
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, symbol);
    /* What is written while it runs is not covered by it. */
    pthread_mutex_lock(&lock);
    int done = real(fd);
    const char *name = name_of(fd, path);
    if (done == 0 && *name)
        note('S', name, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd)
{
    return synced("fsync", fd);
}

int fdatasync(int fd)
{
    return synced("fdatasync", fd);
}

static int cut(const char *symbol, int fd, off_t size)
{
    char path[PATH_MAX];
    int (*real)(int, off_t) = (int (*)(int, off_t))dlsym(RTLD_NEXT, symbol);
    pthread_mutex_lock(&lock);
    int done = real(fd, size);
    const char *name = name_of(fd, path);
    if (done == 0 && *name)
        note('T', name, 0, NULL, (uint64_t)size);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t size)
{
    return cut("ftruncate", fd, size);
}

int ftruncate64(int fd, off_t size)
{
    return cut("ftruncate64", fd, size);
}

int unlink(const char *path)
{
    const char *folder = getenv("RECORD_UNDER");
    int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    size_t length = folder ? strlen(folder) : 0;
    pthread_mutex_lock(&lock);
    int done = real(path);
    if (done == 0 && folder && strncmp(path, folder, length) == 0 && path[length] == '/')
        note('U', path + length + 1, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}
