/* The bar for bench_commands.py: what a node does for a task, and nothing else.
 *
 * spawn FOLDER TASKS AT_ONCE: makes FOLDER/<n>/wd, opens stdout.txt and stderr.txt beside it, and
 * runs /bin/true there in a session of its own, with this program's environment.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int begin(const char *folder, int number) {
    char wd[4096], out[4096], err[4096];
    snprintf(wd, sizeof wd, "%s/%d", folder, number);
    if (mkdir(wd, 0755)) return -1;
    snprintf(out, sizeof out, "%s/stdout.txt", wd);
    snprintf(err, sizeof err, "%s/stderr.txt", wd);
    snprintf(wd, sizeof wd, "%s/%d/wd", folder, number);
    if (mkdir(wd, 0755)) return -1;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addopen(&actions, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addchdir_np(&actions, wd);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    char *words[] = {"/bin/true", NULL};
    pid_t pid;
    int failed = posix_spawn(&pid, words[0], &actions, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failed ? -1 : 0;
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    int tasks = atoi(arguments[2]), at_once = atoi(arguments[3]), running = 0;
    for (int number = 0; number < tasks; number++) {
        if (running == at_once) {
            wait(NULL);
            running--;
        }
        if (begin(arguments[1], number)) return 1;
        running++;
    }
    while (wait(NULL) > 0) {}
    return 0;
}
