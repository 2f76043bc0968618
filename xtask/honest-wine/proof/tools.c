/* What the questions are asked with. */
#include "proof.h"

void row(const char *name, const char *want, const char *fmt, ...)
{
    char got[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(got, sizeof got, fmt, ap);
    va_end(ap);
    printf("%s\t%s\t%s\n", name, want, got);
    fflush(stdout);
}

void die(const char *what)
{
    printf("FATAL\t-\t%s error %lu\n", what, GetLastError());
    exit(2);
}

SECURITY_ATTRIBUTES *sa_of(const char *sddl)
{
    static SECURITY_ATTRIBUTES sa;
    sa.nLength = sizeof sa;
    sa.bInheritHandle = FALSE;
    sa.lpSecurityDescriptor = NULL;
    if (!sddl) return NULL;
    sa.lpSecurityDescriptor = sd_of(sddl);
    return &sa;
}

char *pipe_name(void)
{
    static char name[8][128];
    static int serial;
    char *s = name[serial % 8];
    sprintf(s, "\\\\.\\pipe\\proof-%lx-%d", GetCurrentProcessId(), ++serial);
    return s;
}

HANDLE make_pipe(const char *name, DWORD open_extra, DWORD instances, const char *sddl)
{
    return CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | open_extra, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT,
                            instances, 4096, 4096, 1000, sa_of(sddl));
}

/* all groups with attributes as one string */
void groups_of(HANDLE tok, char *out, size_t size)
{
    static BYTE buf[8192];
    DWORD n, i;
    TOKEN_GROUPS *g = (TOKEN_GROUPS *)buf;
    *out = 0;
    if (!GetTokenInformation(tok, TokenGroups, buf, sizeof buf, &n)) { snprintf(out, size, "error %lu", GetLastError()); return; }
    for (i = 0; i < g->GroupCount; i++)
    {
        char *s;
        if (!ConvertSidToStringSidA(g->Groups[i].Sid, &s)) continue;
        snprintf(out + strlen(out), size - strlen(out), "%s=%lx;", s, g->Groups[i].Attributes);
        LocalFree(s);
    }
}

DWORD connect_wait(HANDLE p)
{
    return ConnectNamedPipe(p, NULL) || GetLastError() == ERROR_PIPE_CONNECTED ? 0 : GetLastError();
}

DWORD open_event(const char *name)
{
    HANDLE e = OpenEventA(SYNCHRONIZE | EVENT_MODIFY_STATE, FALSE, name);
    DWORD err = e ? 0 : GetLastError();
    if (e) CloseHandle(e);
    return err;
}

int thread_level(void)
{
    HANDLE t;
    SECURITY_IMPERSONATION_LEVEL l = -1;
    DWORD n;
    if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &t)) return -(int)GetLastError();
    GetTokenInformation(t, TokenImpersonationLevel, &l, sizeof l, &n);
    CloseHandle(t);
    return l;
}

/* a token of this process, with Administrators and perhaps the user for deny only; or, if flags or restricting
 * SIDs are given, with those alone */
HANDLE token_without(BOOL user, DWORD flags, DWORD restricting, SID_AND_ATTRIBUTES *only)
{
    HANDLE tok, res = NULL;
    BYTE admins[SECURITY_MAX_SID_SIZE], me[256];
    DWORD n = sizeof admins;
    SID_AND_ATTRIBUTES off[2] = { { (PSID)admins, 0 } };
    if (!CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, (PSID)admins, &n)) die("sid");
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &tok)) die("token");
    if (!GetTokenInformation(tok, TokenUser, me, sizeof me, &n)) die("user");
    off[1].Sid = ((TOKEN_USER *)me)->User.Sid;
    if (!CreateRestrictedToken(tok, flags, flags || restricting ? 0 : user ? 2 : 1, off, 0, NULL, restricting, only,
                               &res)) die("restrict");
    CloseHandle(tok);
    return res;
}

HANDLE to_thread_token(HANDLE tok)
{
    HANDLE imp = NULL;
    if (!DuplicateTokenEx(tok, TOKEN_ALL_ACCESS, NULL, SecurityImpersonation, TokenImpersonation, &imp)) die("dup");
    return imp;
}

char *in(const char *dir, const char *file)
{
    static char buf[8][MAX_PATH];
    static int serial;
    char *s = buf[serial++ % 8];
    snprintf(s, MAX_PATH, "%s\\%s", dir, file);
    return s;
}

DWORD file_open(const char *path, DWORD access, DWORD disposition)
{
    HANDLE h = CreateFileA(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, disposition,
                           FILE_FLAG_BACKUP_SEMANTICS, NULL);
    DWORD err = h == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    if (!err) CloseHandle(h);
    return err;
}

DWORD file_open_at(HANDLE dir, const char *name, DWORD access)
{
    static NTSTATUS (NTAPI *create)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, IO_STATUS_BLOCK *, LARGE_INTEGER *,
                                    ULONG, ULONG, ULONG, ULONG, void *, ULONG);
    static ULONG (NTAPI *to_dos)(NTSTATUS);
    WCHAR wide[64];
    UNICODE_STRING str = { 0, sizeof wide, wide };
    OBJECT_ATTRIBUTES attr;
    IO_STATUS_BLOCK io;
    HANDLE h;
    NTSTATUS status;
    if (!create)
    {
        create = (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtCreateFile");
        to_dos = (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "RtlNtStatusToDosError");
    }
    str.Length = 2 * (MultiByteToWideChar(CP_ACP, 0, name, -1, wide, 64) - 1);
    InitializeObjectAttributes(&attr, &str, OBJ_CASE_INSENSITIVE, dir, NULL);
    status = create(&h, access | SYNCHRONIZE | FILE_READ_ATTRIBUTES, &attr, &io, NULL, 0, 7, 1 /* FILE_OPEN */,
                    0x20 /* FILE_SYNCHRONOUS_IO_NONALERT */, NULL, 0);
    if (!status) CloseHandle(h);
    return status ? to_dos(status) : 0;
}

PSECURITY_DESCRIPTOR sd_of(const char *sddl)
{
    char text[512];
    PSECURITY_DESCRIPTOR sd;
    if (!strcmp(sddl, "NULL"))
    {
        sd = LocalAlloc(LPTR, SECURITY_DESCRIPTOR_MIN_LENGTH);
        InitializeSecurityDescriptor(sd, SECURITY_DESCRIPTOR_REVISION);
        SetSecurityDescriptorDacl(sd, TRUE, NULL, FALSE);
        return sd;
    }
    snprintf(text, sizeof text, sddl, user_sid);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(text, 1, &sd, NULL)) die(text);
    return sd;
}

DWORD set_dacl(const char *path, const char *sddl)
{
    return ERR(SetFileSecurityA(path, DACL_SECURITY_INFORMATION, sd_of(sddl)));
}

void get_sddl(const char *path, SECURITY_INFORMATION what, char *out)
{
    BYTE sd[2048];
    DWORD n;
    char *s;
    if (!GetFileSecurityA(path, what, sd, sizeof sd, &n))
    {
        sprintf(out, "error %lu", GetLastError());
        return;
    }
    if (!ConvertSecurityDescriptorToStringSecurityDescriptorA(sd, 1, what, &s, NULL)) die("sddl");
    strcpy(out, s);
    LocalFree(s);
}

static void drop(char *s, const char *what)
{
    while ((s = strstr(s, what))) memmove(s, s + strlen(what), strlen(s + strlen(what)) + 1);
}

/* "same", or what it is instead; whether inheritance is marked (AI, ID) depends on how the directory got its DACL */
const char *same_inherited(const char *path, const char *want)
{
    static char got[1024];
    get_sddl(path, DACL_SECURITY_INFORMATION, got);
    drop(got, "AI");
    drop(got, "ID");
    return strcmp(got, want) ? got : "same";
}

/* "same", or what it is instead */
const char *same_sddl(const char *path, const char *sddl)
{
    static char got[1024];
    char want[512];
    snprintf(want, sizeof want, sddl, user_sid);
    get_sddl(path, DACL_SECURITY_INFORMATION, got);
    return strcmp(got, want) ? got : "same";
}

DWORD make_file(const char *path, const char *sddl)
{
    HANDLE h = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    DWORD n;
    if (h == INVALID_HANDLE_VALUE) die(path);
    WriteFile(h, "content", 7, &n, NULL);
    CloseHandle(h);
    return sddl ? set_dacl(path, sddl) : 0;
}

void remove_tree(const char *dir)
{
    WIN32_FIND_DATAA fd;
    HANDLE h;
    set_dacl(dir, "D:P(A;;FA;;;WD)");
    h = FindFirstFileA(in(dir, "*"), &fd);
    if (h != INVALID_HANDLE_VALUE)
    {
        do
        {
            char path[MAX_PATH];
            if (!strcmp(fd.cFileName, ".") || !strcmp(fd.cFileName, "..")) continue;
            strcpy(path, in(dir, fd.cFileName));
            if (fd.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) remove_tree(path);
            else if (!DeleteFileA(path)) fprintf(stderr, "left %s %lu\n", path, GetLastError());
        } while (FindNextFileA(h, &fd));
        FindClose(h);
    }
    if (!RemoveDirectoryA(dir)) fprintf(stderr, "left %s %lu\n", dir, GetLastError());
}
