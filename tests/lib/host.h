/* SPDX-License-Identifier: MIT
 *
 * The state of "the host", before a container and after it.
 */
#ifndef TESTS_HOST_H
#define TESTS_HOST_H

/* Everything of "the host" that a stage could change and must not: mounts,
 * hostname, System V and POSIX IPC objects, the files of the rootfs and of
 * /run, scratch() and /dev/shm, this process's children; from stage 6 on the
 * cgroups and from stage 7 on the network. The children include every orphan of
 * a container: the test program is their reaper, see PR_SET_CHILD_SUBREAPER in
 * prctl(2). Take it before; assert_host_unchanged() takes it again and
 * compares. */
char *host_state(void);
void assert_host_unchanged(const char *before);

/* Runs the stage once more, to remove the bridge or the cgroup that a killed
 * parent left. */
void mend_host(void);

#endif
