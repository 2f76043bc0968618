/* Questions about named pipes, files and tokens, each with the answer that Windows documents (or, for the
 * order of a pipe's checks, is known to give). A line is "QUESTION<TAB>WANTED<TAB>GOT". */
#ifndef PROOF_H
#define PROOF_H
#define _WIN32_WINNT 0x0601
#include <windows.h>
#include <winternl.h>
#include <sddl.h>
#include <aclapi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of this run: the program, a directory, the user, an event that only Administrators may open. */
extern char self[MAX_PATH], base_dir[MAX_PATH], user_sid[256], event[64];

/* A token of this process without what a second identity must not have. */
struct identities
{
    HANDLE noadmin;     /* Administrators for deny only */
    HANDLE nouser;      /* so is the user */
};

extern void pipe_rows(const struct identities *who);            /* A to F */
extern void file_rows(const struct identities *who);            /* G to I */
extern void token_rows(const struct identities *who);           /* J, with the files of G */
extern void default_pipe_rows(const struct identities *who);    /* K */

/* tools.c */
#define ERR(expr) ((expr) ? 0ul : GetLastError())
extern void row(const char *name, const char *want, const char *fmt, ...);
extern void die(const char *what);
extern PSECURITY_DESCRIPTOR sd_of(const char *sddl);
extern SECURITY_ATTRIBUTES *sa_of(const char *sddl);
extern DWORD open_event(const char *name);
/* tokens */
extern HANDLE token_without(BOOL user, DWORD flags, DWORD restricting, SID_AND_ATTRIBUTES *only);
extern HANDLE to_thread_token(HANDLE tok);
extern void groups_of(HANDLE tok, char *out, size_t size);
extern int thread_level(void);
/* pipes */
extern char *pipe_name(void);
extern HANDLE make_pipe(const char *name, DWORD open_extra, DWORD instances, const char *sddl);
extern DWORD connect_wait(HANDLE p);
/* files */
extern char *in(const char *dir, const char *file);
extern DWORD make_file(const char *path, const char *sddl);
extern DWORD file_open(const char *path, DWORD access, DWORD disposition);
extern DWORD file_open_at(HANDLE dir, const char *name, DWORD access);
extern DWORD set_dacl(const char *path, const char *sddl);
extern void get_sddl(const char *path, SECURITY_INFORMATION what, char *out);
extern const char *same_sddl(const char *path, const char *sddl);
extern const char *same_inherited(const char *path, const char *want);
extern void remove_tree(const char *dir);

/* clients.c: another process, or thread, at the other end of a pipe */
extern int client(int argc, char **argv);
extern HANDLE serve(const char *name, HANDLE tok, const char *mode, DWORD flags, HANDLE *proc);
extern DWORD run_client(HANDLE tok, const char *mode, const char *name, DWORD flags, DWORD access);
extern DWORD WINAPI self_client(void *name);
extern DWORD finish(HANDLE proc);
extern void read_msg(HANDLE p, char *text, DWORD size);
extern void thread_groups(char *out, size_t size);
extern void done(HANDLE p, HANDLE proc);

/* files.c: what can be read and written of the files of G, "READ/WRITE" each; by name, or below a handle */
#define FILES 10
extern void answers(const char *dir, HANDLE at, char out[FILES][16]);

#endif
