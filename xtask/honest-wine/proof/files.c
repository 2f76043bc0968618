/* G, H, I: files, their descriptors, directories. */
#include "proof.h"

/* wanted of: this process; one without Administrators; one without Administrators and the user */
static const struct { const char *name, *sddl, *want[3]; } files[FILES] =
{
    { "ba",       "D:P(A;;FA;;;BA)",                             { "0/0", "5/5", "5/5" } },
    { "user",     "D:P(A;;FA;;;%s)",                             { "0/0", "0/0", "5/5" } },
    { "everyone", "D:P(A;;FR;;;WD)",                             { "0/5", "0/5", "0/5" } },
    { "none",     NULL,                                          { "0/0", "0/0", "0/0" } },
    { "null",     "NULL",                                        { "0/0", "0/0", "0/0" } },
    { "empty",    "D:P",                                         { "5/5", "5/5", "5/5" } },
    { "deny_ba",  "D:P(D;;0x1;;;BA)(A;;FA;;;WD)",                { "5/0", "5/0", "5/0" } },
    { "deny_me",  "D:P(D;;0x1;;;%s)(A;;FA;;;WD)",                { "5/0", "5/0", "5/0" } },
    { "order",    "D:P(A;;FR;;;WD)(D;;FR;;;BA)(A;;FW;;;WD)",     { "0/0", "0/0", "0/0" } },
    { "generic",  "D:P(A;;GR;;;WD)(A;;GW;;;BA)",                 { "0/0", "0/5", "0/5" } },
};

void answers(const char *dir, HANDLE at, char out[FILES][16])
{
    unsigned i;
    for (i = 0; i < FILES; i++)
    {
        const char *name = files[i].name, *path = in(dir, name);
        DWORD r = at ? file_open_at(at, name, FILE_GENERIC_READ) : file_open(path, GENERIC_READ, OPEN_EXISTING);
        DWORD w = at ? file_open_at(at, name, FILE_GENERIC_WRITE) : file_open(path, GENERIC_WRITE, OPEN_EXISTING);
        sprintf(out[i], "%lu/%lu", r, w);
    }
}

/* a handle, its holder, and a descriptor that changes meanwhile; the client is one without Administrators */
static void handle_rows(HANDLE p)
{
    char text[16];
    HANDLE h, h2;
    DWORD n;

    row("G4.noadmin.reverted.ba", "0", "%lu", file_open(in(base_dir, "ba"), GENERIC_READ, OPEN_EXISTING));
    h = CreateFileA(in(base_dir, "ba"), GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL);
    ImpersonateNamedPipeClient(p);
    row("G5.handle_from_before", "1", "%d", ReadFile(h, text, 7, &n, NULL) && n == 7);
    h2 = ReOpenFile(h, GENERIC_READ, 7, 0);
    row("G6.reopen", "5", "%lu", ERR(h2 != INVALID_HANDLE_VALUE));
    if (h2 != INVALID_HANDLE_VALUE) CloseHandle(h2);
    CloseHandle(h);
    h = CreateFileA(in(base_dir, "user"), GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL);
    RevertToSelf();
    row("G7.handle_after_revert", "1", "%d", ReadFile(h, text, 7, &n, NULL) && n == 7);
    set_dacl(in(base_dir, "user"), "D:P(A;;FA;;;BA)");
    SetFilePointer(h, 0, NULL, FILE_BEGIN);
    ImpersonateNamedPipeClient(p);
    row("G8.dacl_changed.open", "5", "%lu", file_open(in(base_dir, "user"), GENERIC_READ, OPEN_EXISTING));
    row("G9.dacl_changed.old_handle", "1", "%d", ReadFile(h, text, 7, &n, NULL) && n == 7);
    CloseHandle(h);
    row("G10.owner_sets_dacl", "0", "%lu", set_dacl(in(base_dir, "user"), "D:P(A;;FA;;;%s)"));
    row("G11.dacl_back.open", "0", "%lu", file_open(in(base_dir, "user"), GENERIC_READ, OPEN_EXISTING));
    RevertToSelf();
}

/* what the client itself may open, the server may as the client: by name, and below a directory's handle */
static void access_rows(const struct identities *who)
{
    static const char *names[3] = { "full", "noadmin", "nouser" };
    static char theirs[FILES][16], abs_[FILES][16], rel[FILES][16];
    HANDLE tokens[3] = { NULL, who->noadmin, who->nouser }, at, p, proc;
    char row_name[64], got[64];
    unsigned i, c;
    DWORD n;

    for (i = 0; i < FILES; i++)
    {
        DWORD err = make_file(in(base_dir, files[i].name), files[i].sddl);
        sprintf(row_name, "G0.%s.set", files[i].name);
        if (files[i].sddl) row(row_name, "0", "%lu", err);
    }
    at = CreateFileA(base_dir, GENERIC_READ, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (at == INVALID_HANDLE_VALUE) die("open directory");
    for (c = 0; c < 3; c++)
    {
        p = serve(pipe_name(), tokens[c], "files", 0, &proc);
        memset(theirs, 0, sizeof theirs);
        ReadFile(p, theirs, sizeof theirs, &n, NULL);
        if (!ImpersonateNamedPipeClient(p)) die("impersonate");
        answers(base_dir, NULL, abs_);
        answers(base_dir, at, rel);
        RevertToSelf();
        for (i = 0; i < FILES; i++)
        {
            sprintf(row_name, "G%u.%s.%s", c + 1, names[c], files[i].name);
            if (!strcmp(theirs[i], abs_[i]) && !strcmp(abs_[i], rel[i])) strcpy(got, abs_[i]);
            else snprintf(got, sizeof got, "%s|%s|%s", theirs[i], abs_[i], rel[i]);
            row(row_name, files[i].want[c], "%s", got);
        }
        if (c == 1) handle_rows(p);
        done(p, proc);
    }
    CloseHandle(at);
}

static void identification_rows(void)
{
    HANDLE p, proc;
    char text[16];
    DWORD n;

    p = serve(pipe_name(), NULL, "late", SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, &proc);
    ImpersonateNamedPipeClient(p);
    row("G12.ident.none", "1346", "%lu", file_open(in(base_dir, "none"), GENERIC_READ, OPEN_EXISTING));
    row("G13.ident.ba", "1346", "%lu", file_open(in(base_dir, "ba"), GENERIC_READ, OPEN_EXISTING));
    row("G14.ident.create", "1346", "%lu", file_open(in(base_dir, "ident"), GENERIC_WRITE, CREATE_ALWAYS));
    RevertToSelf();
    row("G15.ident.not_created", "2", "%lu", ERR(GetFileAttributesA(in(base_dir, "ident")) != INVALID_FILE_ATTRIBUTES));
    WriteFile(p, "go", 2, &n, NULL);
    ReadFile(p, text, 1, &n, NULL);
    done(p, proc);
}

static void named_object_rows(HANDLE noadmin)
{
    PSECURITY_DESCRIPTOR sd = sd_of("D:P(A;;FA;;;BA)");
    ACL *acl;
    BOOL present, def;

    GetSecurityDescriptorDacl(sd, &present, &acl, &def);
    make_file(in(base_dir, "named"), NULL);
    row("H5.named.set", "0", "%lu", SetNamedSecurityInfoA(in(base_dir, "named"), SE_FILE_OBJECT,
        DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, NULL, NULL, acl, NULL));
    row("H6.named.readback", "same", "%s", same_sddl(in(base_dir, "named"), "D:P(A;;FA;;;BA)"));
    if (!GetNamedSecurityInfoA(in(base_dir, "named"), SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, NULL, NULL, &sd))
    {
        char *str = NULL;
        ConvertSecurityDescriptorToStringSecurityDescriptorA(sd, 1, DACL_SECURITY_INFORMATION, &str, NULL);
        row("H6a.named.get", "same", "%s", strcmp(str, "D:P(A;;FA;;;BA)") ? str : "same");
    }
    ImpersonateLoggedOnUser(noadmin);
    row("H7.named.noadmin", "5", "%lu", file_open(in(base_dir, "named"), GENERIC_READ, OPEN_EXISTING));
    RevertToSelf();
}

static void descriptor_rows(HANDLE noadmin, HANDLE nouser)
{
    char text[16];
    HANDLE h, h2;
    DWORD n;

    row("H1.readback.ba", "same", "%s", same_sddl(in(base_dir, "ba"), "D:P(A;;FA;;;BA)"));
    row("H2.readback.deny_me", "same", "%s", same_sddl(in(base_dir, "deny_me"), "D:P(D;;CC;;;%s)(A;;FA;;;WD)"));
    row("H3.readback.generic", "same", "%s", same_sddl(in(base_dir, "generic"), "D:P(A;;FR;;;WD)(A;;FW;;;BA)"));
    row("H4.not_readonly", "0", "%lu", GetFileAttributesA(in(base_dir, "everyone")) & FILE_ATTRIBUTE_READONLY);
    named_object_rows(noadmin);
    h = CreateFileA(in(base_dir, "born"), GENERIC_WRITE, 0, sa_of("D:P(A;;FR;;;WD)"), CREATE_NEW, 0, NULL);
    row("H8.born.create", "0", "%lu", ERR(h != INVALID_HANDLE_VALUE));
    row("H9.born.write", "1", "%d", WriteFile(h, "x", 1, &n, NULL));
    CloseHandle(h);
    row("H10.born.open_again", "5", "%lu", file_open(in(base_dir, "born"), GENERIC_WRITE, OPEN_EXISTING));
    row("H11.born.readback", "same", "%s", same_sddl(in(base_dir, "born"), "D:P(A;;FR;;;WD)"));
    row("H12.overwrite", "5", "%lu", file_open(in(base_dir, "everyone"), GENERIC_READ, CREATE_ALWAYS));
    h = CreateFileA(in(base_dir, "everyone"), GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL);
    row("H13.not_truncated", "7", "%lu", GetFileSize(h, NULL));
    row("H14.duplicate_more", "5", "%lu", ERR(DuplicateHandle(GetCurrentProcess(), h, GetCurrentProcess(), &h2, GENERIC_WRITE, FALSE, 0)));
    CloseHandle(h);
    h = CreateFileA(in(base_dir, "everyone"), MAXIMUM_ALLOWED, 7, NULL, OPEN_EXISTING, 0, NULL);
    row("H15.maximum.open", "0", "%lu", ERR(h != INVALID_HANDLE_VALUE));
    row("H16.maximum.read", "1", "%d", ReadFile(h, text, 7, &n, NULL) && n == 7);
    row("H17.maximum.write", "5", "%lu", ERR(WriteFile(h, "x", 1, &n, NULL)));
    CloseHandle(h);
    h = CreateFileA(in(base_dir, "generic"), MAXIMUM_ALLOWED, 7, NULL, OPEN_EXISTING, 0, NULL);
    row("H18.maximum.write_granted", "0", "%lu", ERR(WriteFile(h, "content", 7, &n, NULL)));
    CloseHandle(h);
    ImpersonateLoggedOnUser(nouser);
    row("H19.nouser.sets_dacl", "5", "%lu", set_dacl(in(base_dir, "ba"), "D:P(A;;FA;;;WD)"));
    row("H20.nouser.reads_sd", "error 5", "%s", same_sddl(in(base_dir, "ba"), "D:P(A;;FA;;;BA)"));
    RevertToSelf();
}

static void locked_directory_rows(HANDLE noadmin)
{
    char sub[MAX_PATH];
    WIN32_FIND_DATAA fd;
    HANDLE h;

    strcpy(sub, in(base_dir, "locked"));
    row("I1.dir.create", "0", "%lu", ERR(CreateDirectoryA(sub, sa_of("D:P(A;;FA;;;BA)"))));
    make_file(in(sub, "open"), "D:P(A;;FA;;;WD)");
    make_file(in(sub, "moveme"), "D:P(A;;FR;;;WD)");
    ImpersonateLoggedOnUser(noadmin);
    h = FindFirstFileA(in(sub, "*"), &fd);
    row("I2.dir.list", "5", "%lu", ERR(h != INVALID_HANDLE_VALUE));
    if (h != INVALID_HANDLE_VALUE) FindClose(h);
    row("I3.dir.open", "5", "%lu", file_open(sub, GENERIC_READ, OPEN_EXISTING));
    row("I4.dir.traverse", "0", "%lu", file_open(in(sub, "open"), GENERIC_READ, OPEN_EXISTING));
    row("I5.dir.create_file", "5", "%lu", file_open(in(sub, "new"), GENERIC_WRITE, CREATE_NEW));
    row("I6.dir.create_dir", "5", "%lu", ERR(CreateDirectoryA(in(sub, "newdir"), NULL)));
    row("I7.dir.rename_into", "5", "%lu", ERR(MoveFileA(in(base_dir, "none"), in(sub, "none"))));
    row("I8.dir.delete_child", "5", "%lu", ERR(DeleteFileA(in(sub, "moveme"))));
    row("I9.dir.move_out", "5", "%lu", ERR(MoveFileA(in(sub, "moveme"), in(base_dir, "moved"))));
    RevertToSelf();
    h = FindFirstFileA(in(sub, "*"), &fd);
    row("I10.dir.reverted.list", "0", "%lu", ERR(h != INVALID_HANDLE_VALUE));
    if (h != INVALID_HANDLE_VALUE) FindClose(h);
    row("I11.dir.reverted.create", "0", "%lu", file_open(in(sub, "new"), GENERIC_WRITE, CREATE_NEW));
    row("I12.dir.reverted.delete", "0", "%lu", ERR(DeleteFileA(in(sub, "moveme"))));
    row("I13.dir.readback", "same", "%s", same_sddl(sub, "D:P(A;;FA;;;BA)"));
    h = CreateFileA(in(base_dir, "locked"), GENERIC_READ, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    ImpersonateLoggedOnUser(noadmin);
    row("I18.dir.reopen_by_handle", "5", "%lu", file_open_at(h, "", FILE_GENERIC_READ));
    row("I19.dir.child_by_handle", "0", "%lu", file_open_at(h, "open", FILE_GENERIC_READ));
    RevertToSelf();
    CloseHandle(h);
}

static void inheriting_directory_rows(HANDLE noadmin)
{
    char sub[MAX_PATH];

    strcpy(sub, in(base_dir, "heir"));
    CreateDirectoryA(sub, sa_of("D:P(A;OICI;FA;;;BA)(A;CI;FR;;;WD)"));
    make_file(in(sub, "file"), NULL);
    CreateDirectoryA(in(sub, "dir"), NULL);
    ImpersonateLoggedOnUser(noadmin);
    row("I14.heir.file", "5", "%lu", file_open(in(sub, "file"), GENERIC_READ, OPEN_EXISTING));
    row("I15.heir.dir", "0", "%lu", file_open(in(sub, "dir"), GENERIC_READ, OPEN_EXISTING));
    RevertToSelf();
    row("I16.heir.file_sd", "same", "%s", same_inherited(in(sub, "file"), "D:(A;;FA;;;BA)"));
    row("I17.heir.dir_sd", "same", "%s", same_inherited(in(sub, "dir"), "D:(A;OICI;FA;;;BA)(A;CI;FR;;;WD)"));
}

static void other_ways_rows(HANDLE noadmin)
{
    char text[1024];
    HANDLE h;

    h = CreateFileA(in(base_dir, "born"), WRITE_DAC | FILE_READ_ATTRIBUTES, 7, NULL, OPEN_EXISTING, 0, NULL);
    row("I20.handle.set_dacl", "0", "%lu", ERR(SetKernelObjectSecurity(h, DACL_SECURITY_INFORMATION, sd_of("D:P(A;;FA;;;BA)"))));
    CloseHandle(h);
    row("I21.handle.set_dacl.readback", "same", "%s", same_sddl(in(base_dir, "born"), "D:P(A;;FA;;;BA)"));
    h = CreateFileA(in(base_dir, "born"), FILE_WRITE_ATTRIBUTES, 7, NULL, OPEN_EXISTING, 0, NULL);
    row("I22.attributes_handle.truncate", "5", "%lu", ERR(SetEndOfFile(h)));
    CloseHandle(h);
    row("I23.owner.foreign", "1307", "%lu", ERR(SetFileSecurityA(in(base_dir, "born"), OWNER_SECURITY_INFORMATION, sd_of("O:SY"))));
    row("I24.owner.admins", "0", "%lu", ERR(SetFileSecurityA(in(base_dir, "born"), OWNER_SECURITY_INFORMATION, sd_of("O:BA"))));
    get_sddl(in(base_dir, "born"), OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, text);
    row("I25.owner.readback", "same", "%s", strcmp(text, "O:BAD:P(A;;FA;;;BA)") ? text : "same");
    ImpersonateLoggedOnUser(noadmin);
    row("I26.noadmin.set_attributes", "5", "%lu", ERR(SetFileAttributesA(in(base_dir, "ba"), FILE_ATTRIBUTE_READONLY)));
    row("I27.noadmin.hard_link", "5", "%lu", ERR(CreateHardLinkA(in(base_dir, "link"), in(base_dir, "ba"), NULL)));
    RevertToSelf();
    row("I28.reverted.set_attributes", "0", "%lu", ERR(SetFileAttributesA(in(base_dir, "ba"), FILE_ATTRIBUTE_ARCHIVE)));
    row("I29.reverted.hard_link", "0", "%lu", ERR(CreateHardLinkA(in(base_dir, "link2"), in(base_dir, "ba"), NULL)));
    ImpersonateLoggedOnUser(noadmin);
    row("I30.hard_link.same_dacl", "5", "%lu", file_open(in(base_dir, "link2"), GENERIC_READ, OPEN_EXISTING));
    RevertToSelf();
    row("I31.delete_empty_by_parent", "0", "%lu", ERR(DeleteFileA(in(base_dir, "empty"))));
}

void file_rows(const struct identities *who)
{
    HANDLE noadmin = to_thread_token(who->noadmin), nouser = to_thread_token(who->nouser);

    access_rows(who);
    identification_rows();
    descriptor_rows(noadmin, nouser);
    locked_directory_rows(noadmin);
    inheriting_directory_rows(noadmin);
    other_ways_rows(noadmin);
}
