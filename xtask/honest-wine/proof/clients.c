/* The client of a pipe, as a process or a thread of its own, and the server's side of it. */
#include "proof.h"

/* What the process does: proof.exe client MODE PIPE FLAGS ACCESS [DIRECTORY] */
int client(int argc, char **argv)
{
    const char *mode = argv[2], *name = argv[3];
    DWORD flags = strtoul(argv[4], NULL, 16), access = strtoul(argv[5], NULL, 16), n;
    static char text[4096];
    char ack[16];
    HANDLE p, tok;

    if (!strcmp(mode, "create"))   /* further instance of an existing pipe */
    {
        p = make_pipe(name, 0, 5, NULL);
        return p == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    }
    p = CreateFileA(name, access, 0, NULL, OPEN_EXISTING, flags, NULL);
    if (p == INVALID_HANDLE_VALUE) return GetLastError();
    if (!strcmp(mode, "open")) return 0;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &tok)) return 3;
    groups_of(tok, text, sizeof text);
    if (!strcmp(mode, "files"))    /* what this process itself can open */
    {
        static char out[FILES][16];
        answers(argv[6], NULL, out);
        if (!WriteFile(p, out, sizeof out, &n, NULL)) return GetLastError();
        ReadFile(p, ack, sizeof ack, &n, NULL);
        return 0;
    }
    if (!strcmp(mode, "late") && !ReadFile(p, ack, sizeof ack, &n, NULL)) return 4;  /* write only when told */
    if (!WriteFile(p, text, strlen(text), &n, NULL)) return GetLastError();
    if (!strcmp(mode, "gone")) return 0;
    if (!strcmp(mode, "two"))      /* second message written while impersonating a restricted token */
    {
        if (!ImpersonateLoggedOnUser(token_without(FALSE, 0, 0, NULL))) return 5;
        if (!WriteFile(p, "second", 6, &n, NULL)) return GetLastError();
        RevertToSelf();
    }
    ReadFile(p, ack, sizeof ack, &n, NULL);
    return 0;
}

static HANDLE start(HANDLE tok, const char *args)
{
    char cmd[1024];
    STARTUPINFOA si = { sizeof si };
    PROCESS_INFORMATION pi;
    snprintf(cmd, sizeof cmd, "\"%s\" %s", self, args);
    if (tok ? !CreateProcessAsUserA(tok, self, cmd, NULL, NULL, FALSE, 0, NULL, NULL, &si, &pi)
            : !CreateProcessA(self, cmd, NULL, NULL, FALSE, 0, NULL, NULL, &si, &pi)) die("start");
    CloseHandle(pi.hThread);
    return pi.hProcess;
}

DWORD finish(HANDLE p)
{
    DWORD code = 9999;
    if (WaitForSingleObject(p, 20000)) TerminateProcess(p, 9998);
    GetExitCodeProcess(p, &code);
    CloseHandle(p);
    return code;
}

HANDLE serve(const char *name, HANDLE tok, const char *mode, DWORD flags, HANDLE *proc)
{
    char args[512];
    HANDLE p = make_pipe(name, 0, 2, strcmp(mode, "files") ? NULL : "D:(A;;GA;;;WD)");
    if (p == INVALID_HANDLE_VALUE) die("pipe");
    snprintf(args, sizeof args, "client %s %s %lx %lx \"%s\"", mode, name, flags, (DWORD)(GENERIC_READ | GENERIC_WRITE), base_dir);
    *proc = start(tok, args);
    if (connect_wait(p)) die("connect");
    return p;
}

void read_msg(HANDLE p, char *text, DWORD size)
{
    DWORD n = 0;
    if (!ReadFile(p, text, size - 1, &n, NULL)) n = snprintf(text, size, "read error %lu", GetLastError());
    text[n] = 0;
}

void done(HANDLE p, HANDLE proc)
{
    DWORD n;
    WriteFile(p, "bye", 3, &n, NULL);
    if (proc) finish(proc);
    CloseHandle(p);
}

void thread_groups(char *out, size_t size)
{
    HANDLE t;
    if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &t)) { snprintf(out, size, "error %lu", GetLastError()); return; }
    groups_of(t, out, size);
    CloseHandle(t);
}

DWORD run_client(HANDLE tok, const char *mode, const char *name, DWORD flags, DWORD access)
{
    char args[512];
    snprintf(args, sizeof args, "client %s %s %lx %lx", mode, name, flags, access);
    return finish(start(tok, args));
}

/* tries to impersonate whom it is connected to, which only the other end can */
DWORD WINAPI self_client(void *name)
{
    DWORD n;
    HANDLE c = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    BOOL ok = ImpersonateNamedPipeClient(c);
    DWORD err = ok ? 0 : GetLastError();
    RevertToSelf();
    WriteFile(c, "x", 1, &n, NULL);
    CloseHandle(c);
    return err;
}
