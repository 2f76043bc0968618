/* A to F: named pipes; K: those without a descriptor. */
#include "proof.h"

#define BOTH (GENERIC_READ | GENERIC_WRITE)

static const char *own_groups(void)
{
    static char groups[4096];
    HANDLE own;

    if (*groups) return groups;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &own)) die("token");
    groups_of(own, groups, sizeof groups);
    CloseHandle(own);
    return groups;
}

/* whose groups this thread acts with, if the client said that it has these */
static const char *whose(const char *clients)
{
    static char groups[4096];

    thread_groups(groups, sizeof groups);
    return !strcmp(groups, clients) ? "client" : !strcmp(groups, own_groups()) ? "server" : groups;
}

/* the client writes only when it is told to */
static void let_write(HANDLE p, HANDLE proc)
{
    static char text[4096];
    DWORD n;

    WriteFile(p, "go", 2, &n, NULL);
    read_msg(p, text, sizeof text);
    done(p, proc);
}

/* A: whom does the server act as? */
static void acting_rows(const struct identities *who)
{
    static char text[4096];
    const char *acted;
    HANDLE p, proc;

    p = serve(pipe_name(), NULL, "hello", 0, &proc);
    read_msg(p, text, sizeof text);
    row("A1.full.impersonate", "0", "%lu", ERR(ImpersonateNamedPipeClient(p)));
    row("A2.full.event", "0", "%lu", open_event(event));
    acted = whose(text);
    RevertToSelf();
    row("A3.full.groups", "client", "%s", acted);
    done(p, proc);

    p = serve(pipe_name(), who->noadmin, "hello", 0, &proc);
    read_msg(p, text, sizeof text);
    row("A4.client_groups_differ", "1", "%d", strcmp(text, own_groups()) != 0);
    row("A5.restricted.impersonate", "0", "%lu", ERR(ImpersonateNamedPipeClient(p)));
    row("A6.restricted.event", "5", "%lu", open_event(event));
    acted = whose(text);
    row("A7.level", "2", "%d", thread_level());
    RevertToSelf();
    row("A8.reverted.event", "0", "%lu", open_event(event));
    row("A9.restricted.groups", "client", "%s", acted);
    done(p, proc);
}

/* B: when is there somebody to impersonate? */
static void nobody_rows(void)
{
    char *name = pipe_name();
    HANDLE p, t;
    DWORD err;

    p = make_pipe(name, 0, 2, NULL);
    row("B1.nobody", "1368", "%lu", ERR(ImpersonateNamedPipeClient(p)));
    RevertToSelf();
    t = CreateThread(NULL, 0, self_client, name, 0, NULL);
    connect_wait(p);
    WaitForSingleObject(t, 10000);
    GetExitCodeThread(t, &err);
    row("B2.client_end", "1", "%lu", err);
    CloseHandle(p);
}

static void somebody_rows(const struct identities *who)
{
    static char text[4096];
    const char *acted;
    HANDLE p, proc;
    DWORD n;

    p = serve(pipe_name(), who->noadmin, "late", 0, &proc);
    row("B3.before_first_read", "1368", "%lu", ERR(ImpersonateNamedPipeClient(p)));
    RevertToSelf();
    WriteFile(p, "go", 2, &n, NULL);
    read_msg(p, text, sizeof text);
    row("B4.after_first_read", "0", "%lu", ERR(ImpersonateNamedPipeClient(p)));
    row("B5.after_first_read.event", "5", "%lu", open_event(event));
    RevertToSelf();
    WriteFile(p, "bye", 3, &n, NULL);
    finish(proc);
    DisconnectNamedPipe(p);
    row("B6.after_disconnect", "1368", "%lu", ERR(ImpersonateNamedPipeClient(p)));
    RevertToSelf();
    CloseHandle(p);

    p = serve(pipe_name(), who->noadmin, "gone", 0, &proc);
    finish(proc);
    read_msg(p, text, sizeof text);
    row("B7.client_gone.impersonate", "0", "%lu", ERR(ImpersonateNamedPipeClient(p)));
    row("B8.client_gone.event", "5", "%lu", open_event(event));
    acted = whose(text);
    RevertToSelf();
    row("B9.client_gone.groups", "client", "%s", acted);
    CloseHandle(p);

    p = serve(pipe_name(), NULL, "two", 0, &proc);
    read_msg(p, text, sizeof text);
    ImpersonateNamedPipeClient(p);
    row("B10.message1.event", "0", "%lu", open_event(event));
    RevertToSelf();
    read_msg(p, text, sizeof text);
    ImpersonateNamedPipeClient(p);
    row("B11.message2.event", "5", "%lu", open_event(event));
    RevertToSelf();
    done(p, proc);
}

/* C: the DACL, when a client opens and when somebody creates a further instance */
static void dacl_rows(const struct identities *who)
{
    char *name;
    HANDLE p;

    name = pipe_name();
    p = make_pipe(name, 0, 5, "D:(A;;GA;;;BA)");
    row("C1.ba_only.full.open", "0", "%lu", run_client(NULL, "open", name, 0, BOTH));
    CloseHandle(p);

    name = pipe_name();
    p = make_pipe(name, 0, 5, "D:(A;;GA;;;BA)");
    row("C2.ba_only.restricted.open", "5", "%lu", run_client(who->noadmin, "open", name, 0, BOTH));
    row("C3.ba_only.restricted.instance", "5", "%lu", run_client(who->noadmin, "create", name, 0, 0));
    row("C4.ba_only.full.instance", "0", "%lu", run_client(NULL, "create", name, 0, 0));
    CloseHandle(p);

    name = pipe_name();
    p = make_pipe(name, 0, 5, "D:(A;;0x12019b;;;WD)");   /* both without FILE_CREATE_PIPE_INSTANCE */
    row("C5.no_create_right.instance", "5", "%lu", run_client(NULL, "create", name, 0, 0));
    row("C6.no_create_right.open", "0", "%lu", run_client(NULL, "open", name, 0, BOTH));
    CloseHandle(p);

    name = pipe_name();
    p = make_pipe(name, 0, 5, "D:(A;;GR;;;WD)");
    row("C7.read_only.write_open", "5", "%lu", run_client(NULL, "open", name, 0, BOTH));
    row("C8.read_only.read_open", "0", "%lu", run_client(NULL, "open", name, 0, GENERIC_READ));
    CloseHandle(p);

    name = pipe_name();
    p = make_pipe(name, 0, 5, "D:");
    row("C9.empty_dacl.open", "5", "%lu", run_client(NULL, "open", name, 0, BOTH));
    CloseHandle(p);

    name = pipe_name();
    p = make_pipe(name, 0, 5, NULL);
    row("C10.default.open", "0", "%lu", run_client(NULL, "open", name, 0, BOTH));
    CloseHandle(p);
}

/* D: FILE_FLAG_FIRST_PIPE_INSTANCE */
static void first_instance_rows(void)
{
    char *name = pipe_name();
    HANDLE p, q;

    p = make_pipe(name, FILE_FLAG_FIRST_PIPE_INSTANCE, 5, NULL);
    row("D1.first.new", "0", "%lu", ERR(p != INVALID_HANDLE_VALUE));
    q = make_pipe(name, FILE_FLAG_FIRST_PIPE_INSTANCE, 5, NULL);
    row("D2.first.again", "5", "%lu", ERR(q != INVALID_HANDLE_VALUE));
    if (q != INVALID_HANDLE_VALUE) CloseHandle(q);
    q = make_pipe(name, 0, 5, NULL);
    row("D3.second_without_flag", "0", "%lu", ERR(q != INVALID_HANDLE_VALUE));
    CloseHandle(q);
    CloseHandle(p);
    p = make_pipe(name, FILE_FLAG_FIRST_PIPE_INSTANCE, 5, NULL);
    row("D4.first.after_close", "0", "%lu", ERR(p != INVALID_HANDLE_VALUE));
    CloseHandle(p);
}

/* E: how far the client lets the server act for it */
static void level_rows(const struct identities *who)
{
    HANDLE p, proc, t;

    p = serve(pipe_name(), NULL, "late", SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, &proc);
    row("E1.ident.impersonate_unread", "0", "%lu", ERR(ImpersonateNamedPipeClient(p)));
    row("E2.ident.level", "1", "%d", thread_level());
    row("E3.ident.event", "1346", "%lu", open_event(event));
    row("E4.ident.open_token_not_self", "1346", "%lu", ERR(OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, FALSE, &t)));
    RevertToSelf();
    row("E5.ident.reverted", "0", "%lu", open_event(event));
    let_write(p, proc);

    p = serve(pipe_name(), NULL, "late", SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, &proc);
    row("E6.anon.impersonate", "0", "%lu", ERR(ImpersonateNamedPipeClient(p)));
    row("E7.anon.open_token", "1347", "%d", -thread_level());
    row("E8.anon.event", "1346", "%lu", open_event(event));
    RevertToSelf();
    let_write(p, proc);

    p = serve(pipe_name(), who->noadmin, "late", SECURITY_SQOS_PRESENT | SECURITY_IMPERSONATION, &proc);
    row("E9.imp_static.unread", "0", "%lu", ERR(ImpersonateNamedPipeClient(p)));
    row("E10.imp_static.event", "5", "%lu", open_event(event));
    RevertToSelf();
    let_write(p, proc);
}

/* F: what any Wine does */
static void message_rows(void)
{
    char got[64], *name = pipe_name();
    DWORD mode = PIPE_READMODE_MESSAGE, first, n;
    HANDLE p = make_pipe(name, 0, 2, NULL);
    HANDLE c = CreateFileA(name, BOTH, 0, NULL, OPEN_EXISTING, 0, NULL);

    SetNamedPipeHandleState(c, &mode, NULL, NULL);
    WriteFile(c, "one", 3, &n, NULL);
    WriteFile(c, "two!", 4, &n, NULL);
    ReadFile(p, got, sizeof got, &n, NULL);
    first = n;
    ReadFile(p, got, 2, &n, NULL);
    row("F1.message_mode", "3/2/234", "%lu/%lu/%lu", first, n, GetLastError());
    CloseHandle(c);
    CloseHandle(p);
}

void pipe_rows(const struct identities *who)
{
    acting_rows(who);
    nobody_rows();
    somebody_rows(who);
    dacl_rows(who);
    first_instance_rows();
    level_rows(who);
    message_rows();
}

void default_pipe_rows(const struct identities *who)
{
    HANDLE p, imp = to_thread_token(who->nouser);
    SC_HANDLE scm;
    char *name = pipe_name();

    p = make_pipe(name, 0, 5, NULL);
    row("K1.default.noadmin.open", "0", "%lu", run_client(who->noadmin, "open", name, 0, BOTH));
    CloseHandle(p);

    name = pipe_name();
    p = make_pipe(name, 0, 5, NULL);
    row("K2.default.nouser.open", "5", "%lu", run_client(who->nouser, "open", name, 0, BOTH));
    row("K3.default.nouser.instance", "5", "%lu", run_client(who->nouser, "create", name, 0, 0));
    row("K4.default.nouser.read", "0", "%lu", run_client(who->nouser, "open", name, 0, GENERIC_READ));
    CloseHandle(p);
    ImpersonateLoggedOnUser(imp);
    scm = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT);
    row("K5.service_manager.nouser", "0", "%lu", ERR(scm));
    if (scm) CloseServiceHandle(scm);
    RevertToSelf();
}
