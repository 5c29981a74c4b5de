/* An LD_PRELOAD shim: while the file named by FAILING_IO exists, what it names fails with EIO in the folder that
   FAILING_IO_FOLDER names.  Its first letter says what: w writes, s syncs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int file, char what)
{
    const char *flag = getenv("FAILING_IO"), *folder = getenv("FAILING_IO_FOLDER");
    char link[64], path[4096], letter = 0;
    int told;
    ssize_t size;
    if (!flag || !folder || (told = open(flag, O_RDONLY | O_CLOEXEC)) < 0)
        return 0;
    size = read(told, &letter, 1);
    close(told);
    if (size != 1 || letter != what)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = 0;
    if (strncmp(path, folder, strlen(folder)))
        return 0;
    errno = EIO;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int file) { return fails(file, 's') ? -1 : REAL(fsync)(file); }
int fdatasync(int file) { return fails(file, 's') ? -1 : REAL(fdatasync)(file); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at)
{
    return fails(file, 'w') ? -1 : REAL(pwrite)(file, data, size, at);
}
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at)
{
    return fails(file, 'w') ? -1 : REAL(pwrite64)(file, data, size, at);
}
