/* SPDX-License-Identifier: Apache-2.0
 * Runs a fuzz driver over its seeds, so that `make check` does so with every compiler: for the
 * program fuzz_NAME the files of tests/fuzz/seeds/NAME, or the files named on the command line.
 * Prints TAP. */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "fuzz.h"

#define MAX_SEED_BYTES ((size_t)16 << 20)

/* The input in memory of its very size, so that the address sanitizer sees its end. */
static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return TW_EIO;
    }
    int rc = TW_EIO;
    uint8_t *bytes = NULL;
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (size < 0 || (size_t)size > MAX_SEED_BYTES || fseek(file, 0, SEEK_SET) != 0) {
        goto out;
    }
    bytes = malloc(size == 0 ? 1 : (size_t)size);
    if (bytes != NULL && fread(bytes, 1, (size_t)size, file) == (size_t)size) {
        rc = LLVMFuzzerTestOneInput(bytes, (size_t)size) == 0 ? TW_OK : TW_EINVAL;
    }
out:
    free(bytes);
    (void)fclose(file); /* only read */
    return rc;
}

static int replay_named(const char *path, int number)
{
    const char *slash = strrchr(path, '/');
    int rc = replay(path);
    (void)printf("%sok %d - seed %s\n", rc == TW_OK ? "" : "not ", number,
                 slash == NULL ? path : slash + 1);
    return rc;
}

static int replay_dir(const char *dir)
{
    DIR *entries = opendir(dir);
    if (entries == NULL) {
        (void)fprintf(stderr, "no seeds in %s\n", dir);
        return 1;
    }
    int count = 0;
    int failed = 0;
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char path[4096 + 256 + 2];
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        failed += replay_named(path, ++count) == TW_OK ? 0 : 1;
    }
    (void)closedir(entries); /* only read */
    (void)printf("1..%d\n", count);
    return failed == 0 && count > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        int failed = 0;
        for (int i = 1; i < argc; i++) {
            failed += replay_named(argv[i], i) == TW_OK ? 0 : 1;
        }
        (void)printf("1..%d\n", argc - 1);
        return failed == 0 ? 0 : 1;
    }
    const char *root = getenv("TW_TEST_SRCDIR");
    const char *name = strrchr(argv[0], '/');
    name = name == NULL ? argv[0] : name + 1;
    name += strncmp(name, "fuzz_", 5) == 0 ? 5 : 0;
    char dir[4096];
    (void)snprintf(dir, sizeof dir, "%s/tests/fuzz/seeds/%s", root == NULL ? TW_SRCDIR : root,
                   name);
    return replay_dir(dir);
}
