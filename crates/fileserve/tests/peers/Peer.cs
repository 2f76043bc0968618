// A pipe server and a pipe client as programs of .NET have them, in the manner of the well-known
// sample on impersonation: strings are two bytes of length, high byte first, and UTF-16 LE.
//
//   Peer server NAME WORKERS READY    connects to the pipe READY once it listens, and serves until it
//                                     is killed
//   Peer client NAME THREADS TIMES FILE...
//                                     asks for each file and prints a line for each answer: OUTCOME,
//                                     a tab, the text's UTF-16 LE in hexadecimal digits, a tab, and
//                                     which FILE it was, from 0
//   Peer careful NAME THREADS TIMES FILE...
//                                     the same, of a server of its own user only

using System;
using System.IO;
using System.IO.Pipes;
using System.Security.Principal;
using System.Text;
using System.Threading;

static class Peer
{
    const string Greeting = "I am the one true server!";

    static int Main(string[] arguments)
    {
        if (arguments.Length == 4 && arguments[0] == "server")
        {
            Serve(arguments[1], int.Parse(arguments[2]), arguments[3]);
            return 0;
        }
        if (arguments.Length >= 5 && arguments[0] == "client")
        {
            Ask(arguments, PipeOptions.None);
            return 0;
        }
        if (arguments.Length >= 5 && arguments[0] == "careful")
        {
            Ask(arguments, PipeOptions.CurrentUserOnly);
            return 0;
        }
        Console.Error.WriteLine(
            "usage: Peer server NAME WORKERS READY | (client | careful) NAME THREADS TIMES FILE...");
        return 2;
    }

    static void Serve(string name, int workers, string ready)
    {
        NamedPipeServerStream[] pipes = new NamedPipeServerStream[workers];
        for (int i = 0; i < workers; i++)
        {
            pipes[i] = Pipe(name);
        }
        using (NamedPipeClientStream pipe = new NamedPipeClientStream(ready))
        {
            pipe.Connect(30000);
        }
        Together(workers, delegate(int i)
        {
            for (NamedPipeServerStream pipe = pipes[i]; ; )
            {
                pipe.WaitForConnection();
                // Before this one ends: there is always a pipe of that name.
                NamedPipeServerStream next = Pipe(name);
                Answer(pipe);
                pipe.Dispose();
                pipe = next;
            }
        });
    }

    static NamedPipeServerStream Pipe(string name)
    {
        return new NamedPipeServerStream(name, PipeDirection.InOut,
            NamedPipeServerStream.MaxAllowedServerInstances);
    }

    static void Answer(NamedPipeServerStream pipe)
    {
        try
        {
            Strings strings = new Strings(pipe);
            strings.Write(Greeting);
            string file = strings.Read();
            pipe.RunAsClient(delegate { strings.Write(File.ReadAllText(file)); });
        }
        catch (Exception)
        {
            // The protocol has no word for it.
        }
    }

    static void Ask(string[] arguments, PipeOptions options)
    {
        string name = arguments[1];
        int threads = int.Parse(arguments[2]);
        int times = int.Parse(arguments[3]);
        Together(threads, delegate(int _)
        {
            for (int round = 0; round < times; round++)
            {
                for (int i = 4; i < arguments.Length; i++)
                {
                    string line = AskFor(name, options, arguments[i]) + "\t" + (i - 4);
                    lock (arguments) { Console.WriteLine(line); }
                }
            }
        });
    }

    static string AskFor(string name, PipeOptions options, string file)
    {
        try
        {
            using (NamedPipeClientStream pipe = new NamedPipeClientStream(".", name,
                PipeDirection.InOut, options, TokenImpersonationLevel.Impersonation))
            {
                pipe.Connect(30000);
                Strings strings = new Strings(pipe);
                if (strings.Read() != Greeting)
                {
                    return "stranger\t";
                }
                strings.Write(file);
                byte[] text = Encoding.Unicode.GetBytes(strings.Read());
                return "text\t" + BitConverter.ToString(text).Replace("-", "");
            }
        }
        catch (EndOfStreamException)
        {
            return "closed\t";
        }
        catch (Exception error)
        {
            return "failed: " + error.GetType().Name + ": " + error.Message.Replace('\t', ' ') + "\t";
        }
    }

    static void Together(int threads, Action<int> work)
    {
        Thread[] all = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            int number = i;
            all[i] = new Thread(delegate() { work(number); });
            all[i].Start();
        }
        foreach (Thread one in all)
        {
            one.Join();
        }
    }
}

// Strings on a pipe. The length travels as two writes of a byte each, the text as a third.
sealed class Strings
{
    readonly Stream pipe;

    internal Strings(Stream pipe)
    {
        this.pipe = pipe;
    }

    internal string Read()
    {
        int high = pipe.ReadByte();
        int low = pipe.ReadByte();
        if (high < 0 || low < 0)
        {
            throw new EndOfStreamException();
        }
        byte[] text = new byte[high * 256 + low];
        for (int have = 0; have < text.Length; )
        {
            int count = pipe.Read(text, have, text.Length - have);
            if (count == 0)
            {
                throw new EndOfStreamException();
            }
            have += count;
        }
        return Encoding.Unicode.GetString(text);
    }

    // What is too long is cut at what the length can say, in the middle of a unit.
    internal void Write(string text)
    {
        byte[] bytes = Encoding.Unicode.GetBytes(text);
        int length = Math.Min(bytes.Length, ushort.MaxValue);
        pipe.WriteByte((byte)(length / 256));
        pipe.WriteByte((byte)(length & 255));
        pipe.Write(bytes, 0, length);
        pipe.Flush();
    }
}
